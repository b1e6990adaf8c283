/**
 * What must come of a partition of `samples`: the fold of design §4 and protocol rule 8, told once
 * more with nothing but lists of prices, for a log whose windows no wall clock closes. Pure; it
 * shares the fold with no code of the program.
 *
 * @module
 */
import type { LogRecord } from "../../ports/topic_log.ts";
import { partitionOf } from "../../topology.ts";

/** One window as it must be. */
export interface ReferenceWindow {
  prices: number[];
  ticks: Set<number>;
  open: { price: number; timeMs: number };
  close: { price: number; timeMs: number };
  endMs: number;
  throughOffset: number;
  /** Whether a sample came when stream time had closed the window. */
  amended: boolean;
}

/** Lengths in ms, and the partition. */
export interface ReferenceConfig {
  windowSizeMs: number;
  graceMs: number;
  amendForMs: number;
  maxSkewMs: number;
  partition: number;
  partitionCount: number;
}

interface Sample {
  market: string;
  price: number;
  timeMs: number;
  tickMs: number | undefined;
}

/** Reads a partition's log in order. */
export class Reference {
  /** By key: `market@start`. */
  readonly windows = new Map<string, ReferenceWindow>();
  /** Why each refused offset was. */
  readonly rejected = new Map<number, string>();
  counted = 0;
  duplicate = 0;
  streamMs = -Infinity;

  constructor(private readonly config: ReferenceConfig) {}

  /** Whether stream time has closed a window. */
  isClosed(endMs: number): boolean {
    return this.streamMs - this.config.graceMs >= endMs;
  }

  /** The next record. */
  add(record: LogRecord): void {
    const sample = parse(record.value);
    const outcome = sample === null ? "malformed" : this.#count(sample, record);
    if (outcome === "counted") this.counted++;
    else if (outcome === "duplicate") this.duplicate++;
    else this.rejected.set(record.offset, outcome);
  }

  #count({ market, price, timeMs, tickMs }: Sample, record: LogRecord): string {
    const { windowSizeMs, graceMs, amendForMs, maxSkewMs, partition, partitionCount } = this.config;
    if (timeMs - record.appendMs > maxSkewMs) return "skew";
    const startMs = timeMs - (timeMs % windowSizeMs);
    const endMs = startMs + windowSizeMs;
    if (endMs + graceMs + amendForMs <= this.streamMs) return "sealed";
    if (partitionOf(market, partitionCount) !== partition) return "partition";
    const key = `${market}@${startMs}`;
    const point = { price, timeMs };
    const window = this.windows.get(key) ?? {
      prices: [],
      ticks: new Set<number>(),
      open: point,
      close: point,
      endMs,
      throughOffset: -1,
      amended: false,
    };
    if (tickMs !== undefined && window.ticks.has(tickMs)) return "duplicate";
    if (tickMs !== undefined) window.ticks.add(tickMs);
    this.windows.set(key, window);
    window.prices.push(price);
    if (timeMs < window.open.timeMs) window.open = point;
    if (timeMs >= window.close.timeMs) window.close = point;
    window.throughOffset = record.offset;
    window.amended ||= this.isClosed(endMs);
    this.streamMs = Math.max(this.streamMs, timeMs);
    return "counted";
  }
}

/** A sample, as far as the run's own poison goes; `null` for poison. */
function parse(value: Uint8Array | null): Sample | null {
  try {
    const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value!));
    const { v, exchange, instrument, price, timestampMs, tickMs } = json;
    const isSample = v === 1 && /^[a-z0-9]+$/.test(exchange) && /^[a-z0-9]+$/.test(instrument) &&
      typeof price === "number" && price >= 0 && timestampMs >= 0;
    const timeMs = tickMs ?? timestampMs;
    return isSample ? { market: `${exchange}:${instrument}`, price, timeMs, tickMs } : null;
  } catch {
    return null;
  }
}
