/**
 * What must come out, told independently of the role code: one pass over a partition's log, in order,
 * with nothing but a list of counted samples per window. Prices in the simulation are small whole
 * numbers, so that sums are exact.
 *
 * @module
 */
import type { LogRecord } from "../../ports/topic_log.ts";

/** One window as it must be. */
export interface ExpectedWindow {
  prices: number[];
  ticks: Set<number>;
  open: { price: number; timeMs: number };
  close: { price: number; timeMs: number };
  revision: number;
  /** Whether a sample was counted when stream time had closed the window. */
  late: boolean;
}

/** Everything that must come of one partition. */
export interface Expected {
  windows: Map<string, ExpectedWindow>;
  /** Offsets that must be in `rejected`, once each. */
  rejectedOffsets: Set<number>;
  counted: number;
  duplicate: number;
}

/** Lengths in ms. */
export interface OracleConfig {
  windowSizeMs: number;
  graceMs: number;
  amendForMs: number;
  maxSkewMs: number;
}

/** Reads a partition's log in order. */
export function expectedOf(records: readonly LogRecord[], config: OracleConfig): Expected {
  const expected: Expected = {
    windows: new Map(),
    rejectedOffsets: new Set(),
    counted: 0,
    duplicate: 0,
  };
  let streamMs = -Infinity;
  for (const record of records) {
    const sample = parse(record);
    const timeMs = sample?.tickMs ?? sample?.timestampMs;
    const endMs = (Math.floor(timeMs / config.windowSizeMs) + 1) * config.windowSizeMs;
    const isSealed = endMs + config.graceMs + config.amendForMs <= streamMs;
    if (sample === null || timeMs - record.appendMs > config.maxSkewMs || isSealed) {
      expected.rejectedOffsets.add(record.offset);
      continue;
    }
    const key = `${sample.exchange}:${sample.instrument}@${endMs - config.windowSizeMs}`;
    let window = expected.windows.get(key);
    if (sample.tickMs !== undefined && window?.ticks.has(sample.tickMs)) {
      expected.duplicate++;
      continue;
    }
    const point = { price: sample.price, timeMs };
    if (window === undefined) {
      window = {
        prices: [],
        ticks: new Set(),
        open: point,
        close: point,
        revision: 0,
        late: false,
      };
      expected.windows.set(key, window);
    }
    window.prices.push(sample.price);
    if (sample.tickMs !== undefined) window.ticks.add(sample.tickMs);
    if (timeMs < window.open.timeMs) window.open = point;
    if (timeMs >= window.close.timeMs) window.close = point;
    if (streamMs - config.graceMs >= endMs) window.late = true;
    window.revision = 2 * (record.offset + 1) + 1;
    streamMs = Math.max(streamMs, timeMs);
    expected.counted++;
  }
  return expected;
}

// deno-lint-ignore no-explicit-any -- the simulation's own samples, or its garbage
function parse(record: LogRecord): any {
  try {
    const json = JSON.parse(new TextDecoder().decode(record.value!));
    return typeof json.price === "number" && json.price >= 0 ? json : null;
  } catch {
    return null;
  }
}
