/**
 * Which answers stay as they are. docs/decisions/0014-answers-that-stay.md says why these.
 *
 * @module
 */
import { type Interval, intervalStartMs } from "../stats/interval.ts";
import type { SummarisedRow } from "./statistics_row.ts";

/** What a row tells of itself; one that was filled in is never sealed. */
type Row =
  & Pick<
    SummarisedRow,
    "exchange" | "instrument" | "base" | "quote" | "startMs" | "state"
  >
  & { origin?: string };

/** What was asked for. */
export interface Asked {
  exchange?: readonly string[] | undefined;
  instrument?: readonly string[] | undefined;
  from: number | undefined;
  to: number | undefined;
  interval?: Interval | undefined;
}

/**
 * Whether no later sample can change or add to these rows, which are all of the range.
 *
 * Windows are sealed by the stream time of the market's partition. So one sealed live row shows that
 * every earlier window of the same market is sealed, too, whether there is one or not: the range must
 * be of one market, named exactly, and its last window must be there. Rows of other origins count as
 * sealed from the start and show nothing.
 *
 * @param windowSizeMs The size of a stored window.
 */
export function isSealedWhole(
  rows: readonly Row[],
  { exchange, instrument, from, to, interval }: Asked,
  windowSizeMs: number,
): boolean {
  if (from === undefined || to === undefined) return false;
  if (exchange?.length !== 1 || instrument?.length !== 1) return false;
  const lastStartMs = interval === undefined
    ? Math.floor((to - 1) / windowSizeMs) * windowSizeMs
    : intervalStartMs(to - 1, interval);
  // A pattern is no market's name.
  const isOfOneMarket = (row: Row) =>
    row.exchange === exchange[0] && row.instrument === instrument[0];
  // A later sample may be the first to name what the market prices, in all its rows.
  const isFixed = (row: Row) => row.state === "sealed" && row.base !== null && row.quote !== null;
  return rows.every((row) => isOfOneMarket(row) && isFixed(row)) &&
    rows.some((row) => row.startMs === lastStartMs && row.origin === "live");
}
