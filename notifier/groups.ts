/**
 * All groups of all channels, and which of them a notification is for. Pure.
 *
 * @module
 */
import type { Notification } from "../stats/notification.ts";
import {
  firingCountOf,
  type GroupState,
  isFiring,
  newGroup,
  takeFiring,
  type Taken,
  takeResolved,
  type Taking,
} from "./group.ts";
import {
  type DigestPolicy,
  groupKeyOf,
  isGroupedBy,
  isWanted,
  type Labels,
  labelsOf,
} from "./policy.ts";

/** Groups of one channel; what would be one more goes into one group for all such. Nobody reads so many digests. */
export const GROUP_COUNT_MAX = 10_000;

/** The labels' values of the group for what would be one too many. */
const OTHERS = "*";

/** A notification's effect on a group. */
export interface Change {
  group: GroupState;
  taken: Taken;
}

/** The groups of one channel. */
export class ChannelGroups {
  readonly #groups = new Map<string, GroupState>();
  /** Groups in which a crossing may be that is another's by its labels. */
  readonly #strays = new Map<string, GroupState>();

  constructor(readonly policy: DigestPolicy, private readonly groupCountMax = GROUP_COUNT_MAX) {}

  get size(): number {
    return this.#groups.size;
  }

  all(): Iterable<GroupState> {
    return this.#groups.values();
  }

  /** Takes over a group as it was stored. */
  add(group: GroupState): void {
    this.#put(keyOf(group), group);
  }

  /** Forgets a group. */
  delete(group: GroupState): void {
    this.#groups.delete(keyOf(group));
    this.#strays.delete(keyOf(group));
  }

  /** Takes a notification in; `null`: the channel is not to hear of it. */
  take(notification: Notification, taking: Taking): Change | null {
    if (notification.state === "firing") {
      if (!isWanted(this.policy, notification)) return null;
      const group = this.#groupFor(labelsOf(this.policy.groupBy, notification));
      return { group, taken: takeFiring(group, notification, taking) };
    }
    // By what it knows, not by what it wants now: what was told before a change of the filters is over too.
    const group = this.#groupFiring(notification);
    if (group === null) return null;
    return { group, taken: takeResolved(group, notification, this.policy, taking) };
  }

  #groupFor(labels: Labels): GroupState {
    const key = groupKeyOf(this.policy.name, labels);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const isFull = this.#groups.size >= this.groupCountMax && !isOthers(labels);
    if (isFull) return this.#groupFor(Object.fromEntries(Object.keys(labels).map(toOthers)));
    const group = newGroup(this.policy.name, labels);
    this.#put(key, group);
    return group;
  }

  #groupFiring(notification: Notification): GroupState | null {
    const labels = labelsOf(this.policy.groupBy, notification);
    const own = this.#groups.get(groupKeyOf(this.policy.name, labels));
    const candidates = [...(own === undefined ? [] : [own]), ...this.#strays.values()];
    return candidates.find((group) => isFiring(group, notification.id)) ??
      candidates.find((group) => hasUnknown(group) && isWanted(this.policy, notification)) ?? null;
  }

  #put(key: string, group: GroupState): void {
    this.#groups.set(key, group);
    if (isOthers(group.labels) || !isGroupedBy(group.labels, this.policy.groupBy)) {
      this.#strays.set(key, group);
    }
  }
}

/** The key of a group's state in topic `deliveries`. */
export function keyOf({ channel, labels }: Pick<GroupState, "channel" | "labels">): string {
  return groupKeyOf(channel, labels);
}

/** Whether some of what fires there is only a number. */
function hasUnknown(group: GroupState): boolean {
  const { told, news, flight } = group;
  return firingCountOf(group) > 0 &&
    told.overCount + news.begun.overCount + (flight?.news.begun.overCount ?? 0) > 0;
}

function toOthers(label: string): [string, string] {
  return [label, OTHERS];
}

function isOthers(labels: Labels): boolean {
  const values = Object.values(labels);
  return values.length > 0 && values.every((value) => value === OTHERS);
}
