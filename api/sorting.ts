/**
 * Lists by a statistic, `sort=-cv`: the first rows of a whole range, chosen while it is read page by
 * page, so that memory holds what is shown and one page.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { comparePlaces } from "../ports/order.ts";
import type { RowPlace } from "../ports/statistics_store.ts";
import { type Statistics, statisticsOf } from "../stats/window.ts";
import { badParameter } from "./problem.ts";
import { Selection } from "./selection.ts";
import type { SummarisedRow } from "./statistics_row.ts";

/** The statistics that rows can be sorted by: all. */
const FIELDS = [
  "count",
  "min",
  "max",
  "mean",
  "stddev",
  "stddevPopulation",
  "variance",
  "open",
  "close",
  "cv",
  "changePct",
  "rangePct",
  "coverage",
] as const satisfies readonly (keyof Statistics)[];

/** By which statistic: `cv` ascending, `-cv` descending. */
export type Sort = typeof FIELDS[number] | `-${typeof FIELDS[number]}`;

const SORTS = FIELDS.flatMap((field) => [field, `-${field}`] as const) as [Sort, ...Sort[]];

const sortSchema = z.enum(SORTS, {
  error: `must be one of ${FIELDS.join(", ")}, or one of them after a -, which is descending`,
});

/** The parameter. */
export const sortParameter = sortSchema.optional().openapi({
  description:
    "By this statistic, descending with a -; null comes last, and what is equal by time " +
    "and market. Reads the whole range, so narrow it. A row that changes between two pages may " +
    "come twice or not at all; all others come once.",
  example: "-cv",
});

/** The place of a row in such a list: its value, and what decides between equal ones. */
export const SORTED_PLACE = z.tuple([
  sortSchema,
  z.number().nullable(),
  z.int(),
  z.string(),
  z.string(),
]);

/** As a cursor holds it. */
export type SortedPlace = z.output<typeof SORTED_PLACE>;

/** What orders a row. */
interface SortedRow extends RowPlace {
  value: number | null;
}

/** The place of a row. */
export function sortedPlace(sort: Sort, row: SummarisedRow): SortedPlace {
  return [sort, valueOf(row, sort), row.startMs, row.exchange, row.instrument];
}

/** A cursor's place in a list that is not sorted. @throws {RequestProblem} Where it is of one that is. */
export function unsorted<Place extends unknown[]>(
  place: Place | SortedPlace | undefined,
): Place | undefined {
  if (!isSorted(place)) return place;
  throw badParameter("cursor", `is of a list that is sorted by ${place[0]}`);
}

/** A cursor's place in a list that is sorted so. @throws {RequestProblem} Where it is of another. */
export function sortedBy(
  sort: Sort,
  place: unknown[] | SortedPlace | undefined,
): SortedPlace | undefined {
  if (place === undefined) return undefined;
  if (isSorted(place) && place[0] === sort) return place;
  const other = isSorted(place) ? `sorted by ${place[0]}` : "not sorted";
  throw badParameter("cursor", `is of a list that is ${other}`);
}

function isSorted(place: unknown[] | undefined): place is SortedPlace {
  return place?.length === 5;
}

/** The first `size` of all rows, after a place. */
export async function sortRows(
  pages: AsyncIterable<readonly SummarisedRow[]>,
  { sort, after, size }: { sort: Sort; after: SortedPlace | undefined; size: number },
): Promise<readonly SummarisedRow[]> {
  const compare = orderOf(sort);
  const last = after && rowAt(after);
  const first = new Selection<SortedRow & { row: SummarisedRow }>(size, compare);
  for await (const page of pages) {
    for (const row of page) {
      const { startMs, exchange, instrument } = row;
      const sorted = { value: valueOf(row, sort), startMs, exchange, instrument, row };
      if (last === undefined || compare(sorted, last) > 0) first.add(sorted);
    }
  }
  return first.inOrder().map(({ row }) => row);
}

function rowAt([, value, startMs, exchange, instrument]: SortedPlace): SortedRow {
  return { value, startMs, exchange, instrument };
}

function valueOf(row: SummarisedRow, sort: Sort): number | null {
  return statisticsOf(row)[sort.replace(/^-/, "") as typeof FIELDS[number]];
}

/** By value, `null` last in either direction; then by time and market. */
function orderOf(sort: Sort): (a: SortedRow, b: SortedRow) => number {
  const sign = sort.startsWith("-") ? -1 : 1;
  return (a, b) => {
    if (a.value === b.value) return comparePlaces("time", a, b);
    if (a.value === null) return 1;
    if (b.value === null) return -1;
    return a.value < b.value ? -sign : sign;
  };
}
