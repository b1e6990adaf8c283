/**
 * Rows into groups: pages of a scan in, one pool per group out, in the groups' order. Memory holds the
 * groups and 24 bytes of each row, both bounded.
 *
 * @module
 */
import { compareText } from "../ports/order.ts";
import { Pool, type PoolableRow } from "../stats/pool.ts";
import { RequestProblem } from "./problem.ts";

/** What rows can be grouped by. */
export const DIMENSIONS = ["exchange", "instrument", "base", "quote"] as const;

/** One of {@link DIMENSIONS}. */
export type Dimension = typeof DIMENSIONS[number];

/** Most groups of one answer, all its pages together: some 30 MB. */
export const GROUP_COUNT_MAX = 10_000;

/** A group's place: its interval's start, 0 where rows are not grouped by time; and its ids, `null` where not grouped by, or not known. */
export interface GroupPlace {
  startMs: number;
  ids: readonly (string | null)[];
}

/** How to group. */
export interface Grouping {
  groupBy: readonly Dimension[];
  /** Whether rows that start at different times are of different groups. */
  isByTime: boolean;
  /** Groups up to this place are left out. */
  after?: GroupPlace | undefined;
  /** {@link GROUP_COUNT_MAX} unless given. */
  groupCountMax?: number | undefined;
}

/** A group. */
export interface Group extends GroupPlace {
  pool: Pool;
}

/**
 * Groups all rows.
 *
 * @param pages Rows of one market must come together.
 * @throws {RequestProblem} Where there are too many groups.
 */
export async function groupRows(
  pages: AsyncIterable<readonly PoolableRow[]>,
  grouping: Grouping,
): Promise<Group[]> {
  const groups = new Groups(grouping);
  for await (const page of pages) {
    for (const row of page) groups.add(row);
  }
  return groups.inOrder();
}

class Groups {
  readonly #byIds = new Map<string, Map<number, Group>>();
  readonly #groups: Group[] = [];
  #last: PoolableRow | undefined;
  #lastIds: readonly (string | null)[] = [];
  #lastGroups = new Map<number, Group>();

  constructor(private readonly grouping: Grouping) {}

  add(row: PoolableRow): void {
    const last = this.#last;
    if (row.exchange !== last?.exchange || row.instrument !== last.instrument) this.#turnTo(row);
    this.#last = row;
    const startMs = this.grouping.isByTime ? row.startMs : 0;
    (this.#lastGroups.get(startMs) ?? this.#open(startMs))?.pool.add(row);
  }

  inOrder(): Group[] {
    return this.#groups.sort(comparePlaces);
  }

  /** Finds the groups of a market once for all its rows. */
  #turnTo(row: PoolableRow): void {
    const { groupBy } = this.grouping;
    this.#lastIds = DIMENSIONS.map((name) => groupBy.includes(name) ? row[name] : null);
    // No id can contain a colon, or be empty.
    const key = this.#lastIds.join(":");
    this.#lastGroups = this.#byIds.get(key) ?? new Map<number, Group>();
    this.#byIds.set(key, this.#lastGroups);
  }

  /** Opens a group, if it is wanted. */
  #open(startMs: number): Group | undefined {
    const { after, groupCountMax = GROUP_COUNT_MAX } = this.grouping;
    const group = { startMs, ids: this.#lastIds, pool: new Pool() };
    if (after !== undefined && comparePlaces(group, after) <= 0) return undefined;
    this.#lastGroups.set(startMs, group);
    if (this.#groups.push(group) <= groupCountMax) return group;
    throw new RequestProblem(400, {
      detail: `This asks for more than ${groupCountMax} groups: group by less, or narrow it by ` +
        "from and to, or by filters",
    });
  }
}

/** By time, and by ids, `null` last. */
function comparePlaces(a: GroupPlace, b: GroupPlace): number {
  if (a.startMs !== b.startMs) return a.startMs - b.startMs;
  for (const [i, id] of a.ids.entries()) {
    const other = b.ids[i] ?? null;
    if (id === other) continue;
    if (id === null) return 1;
    if (other === null) return -1;
    return compareText(id, other);
  }
  return 0;
}
