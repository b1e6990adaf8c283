/**
 * The events of `/v1/statistics/stream`, as bytes: each change is encoded once, whoever is told of it.
 *
 * @module
 */
import type { StatisticsChange } from "../ports/statistics_changes.ts";
import type { StatisticsRow } from "../ports/statistics_store.ts";
import { statisticsRow, summarisedRow } from "./statistics_row.ts";

/** A change and its event. */
export interface EncodedChange {
  place: string;
  row: StatisticsRow;
  bytes: Uint8Array;
}

const encoder = new TextEncoder();

/** What is said where some changes cannot be told. */
const GAP = JSON.stringify({
  detail:
    "What changed since then is not known here any more: read /v1/statistics/latest, and go " +
    "on with this stream",
});

/** A change with the bytes of its event: its id is the place to go on from, its data a row as `/v1/statistics` has it. */
export function encodedChange({ place, row }: StatisticsChange): EncodedChange {
  const json = JSON.stringify(statisticsRow(summarisedRow(row)));
  return {
    place,
    row,
    bytes: encoder.encode(`id: ${place}\nevent: statistics\ndata: ${json}\n\n`),
  };
}

/** The events of several changes. */
export function bytesOfEvents(changes: readonly EncodedChange[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(changes.reduce((sum, change) => sum + change.bytes.length, 0));
  let at = 0;
  for (const change of changes) {
    bytes.set(change.bytes, at);
    at += change.bytes.length;
  }
  return bytes;
}

/** A sign of life that moves a client's last event id on, and is no event to it. */
export function bytesOfPlace(place: string): Uint8Array {
  return encoder.encode(`: alive\nid: ${place}\n\n`);
}

/** The event that says that some changes are not told. */
export function bytesOfGap(place: string): Uint8Array {
  return encoder.encode(`id: ${place}\nevent: gap\ndata: ${GAP}\n\n`);
}
