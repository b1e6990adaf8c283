/**
 * The notifier's memory beyond its own life: topic `deliveries`. All that has changed by the time a
 * commit begins is one transaction, so that groups and positions always belong together; who comes
 * while one runs shares the next.
 *
 * Safe to run twice: only the newest claim can commit, and a commit that is in doubt ends the claim.
 *
 * @module
 */
import { encodeSent, SENT_PREFIX, type SentRecord } from "../adapters/codecs/delivery_codec.ts";
import type { Clock } from "../ports/clock.ts";
import type { Claim, NewRecord } from "../ports/topic_log.ts";
import { TOPICS } from "../topology.ts";
import { Bell } from "./bell.ts";
import type { GroupState } from "./group.ts";
import { keyOf } from "./groups.ts";
import { encodeGroup, encodePositions, POSITIONS_KEY } from "./state_codec.ts";

/** Records for other topics that wait to be written, each of half a megabyte at most. */
const FURTHER_COUNT_MAX = 100;

/** News may wait so long for others before they are written down, in ms. Their digest waits for that in any case. */
const COMMIT_DELAY_MS = 250;

/** What the commit says of itself: the last record of `deliveries`, which whoever comes next must find. */
export interface JournalMetadata {
  v: 1;
  /** Its offset; −1: none was written yet. */
  through: number;
}

/** All that is to be written. */
export class Journal {
  readonly #changed = new Map<string, GroupState | null>();
  #further: NewRecord[] = [];
  #arePositionsChanged = false;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;
  readonly #wanted = new Bell();
  #isWanted = false;

  /**
   * @param positions Where to go on in `notifications`, by partition.
   * @param through As {@link JournalMetadata}.
   */
  constructor(
    private readonly claim: Pick<Claim, "commit">,
    readonly positions: number[],
    private through: number,
  ) {}

  /** So much waits to be written that more should not be read before it is. */
  get isFull(): boolean {
    return this.#further.length >= FURTHER_COUNT_MAX;
  }

  /** The group's state is to be written as it is when the next commit begins. */
  touch(group: GroupState): void {
    this.#changed.set(keyOf(group), group);
  }

  /** The group is to be forgotten. */
  forget(group: GroupState): void {
    this.#changed.set(keyOf(group), null);
  }

  /** What became of a digest is to be written. */
  note(sent: SentRecord): void {
    this.#further.push(record(SENT_PREFIX + sent.id, encodeSent(sent)));
  }

  /** A record for another topic. */
  add(record: NewRecord): void {
    this.#further.push(record);
  }

  /** `notifications` has been read up to here. */
  moveTo(partition: number, offset: number): void {
    this.positions[partition] = offset;
    this.touchPositions();
  }

  /** The positions are to be written. */
  touchPositions(): void {
    this.#arePositionsChanged = true;
  }

  /** Resolves when all that is to be written by now is durable. Rejects where nobody knows. */
  commit(): Promise<void> {
    return this.#next ??= this.#running.then(() => {
      this.#running = this.#next!;
      this.#next = null;
      return this.#write();
    });
  }

  /** As {@link Journal.commit}, soon; what fails is {@link Journal.keep}'s. */
  commitSoon(): void {
    this.#isWanted = true;
    this.#wanted.ring();
  }

  /** Commits what is wanted soon, until `signal` aborts. */
  async keep(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#isWanted) {
        await clock.sleep(COMMIT_DELAY_MS, signal);
        this.#isWanted = false;
        if (!signal.aborted) await this.commit();
      } else {
        await this.#wanted.wait(clock, null, signal);
      }
    }
  }

  async #write(): Promise<void> {
    const records = this.#further;
    for (const [key, group] of this.#changed) records.push(record(key, encodeGroup(group)));
    if (this.#arePositionsChanged) {
      records.push(record(POSITIONS_KEY, encodePositions(this.positions)));
    }
    this.#changed.clear();
    this.#further = [];
    this.#arePositionsChanged = false;
    if (records.length === 0) return;
    await this.claim.commit({
      records,
      // What it reads there at a claim it reads to the end: this only shows that it keeps up.
      offsets: { [TOPICS.deliveries]: this.through + 1 },
      metadata: (lastOffsets) => {
        this.through = lastOffsets[TOPICS.deliveries] ?? this.through;
        return JSON.stringify({ v: 1, through: this.through } satisfies JournalMetadata);
      },
    });
  }
}

function record(key: string, value: Uint8Array): NewRecord {
  return { topic: TOPICS.deliveries, partition: 0, key, value };
}
