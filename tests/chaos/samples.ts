/**
 * The samples of a fault run, drawn from its seed: several hundred markets whose own time runs 120
 * times as fast as the wall clock, so that windows open, close, are amended and are sealed within a
 * minute. They lie in the past, and the grace is longer than any outage, so that no wall clock
 * decides anything. Pure.
 *
 * @module
 */
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import type { NewRecord } from "../../ports/topic_log.ts";
import { partitionOf, TOPICS } from "../../topology.ts";
import { Dice } from "../simulation/world.ts";

/** Partitions of every topic. */
export const PARTITION_COUNT = 6;
/** Lengths in ms; the settings of every process, and what {@link Reference} goes by. */
export const TIMES = {
  windowSizeMs: 120_000,
  graceMs: 1_200_000,
  amendForMs: 1_200_000,
  maxSkewMs: 60_000,
} as const;
/** From one tick of a market to the next. */
export const TICK_MS = 20_000;
/** How many ticks a second of the wall clock has. */
export const TICKS_PER_SECOND = 6;
/** The number of a record, among all that were sent. */
export const SERIAL_HEADER = "serial";

const MARKET_COUNT = 500;
/** Markets of this last digit leap, far enough for any revision of the window before to tell it. */
const LEAPING_DIGIT = 4;
const LEAP_FACTOR = 100;
/** A leap is held against a window of which so many samples at least are published. */
export const BASELINE_COUNT_MIN = 2;
/** So long after a tick a leap comes, in ms; before the next, however late the sample is for its tick. */
const LEAP_AFTER_MS = 7_000;
/** Makes its dice another's than those of all other samples. */
const LEAP_SALT = 0x1ea9;
const FIRST_MS = Date.UTC(2024, 0, 1);
/** Far ahead of any broker's clock. */
const FUTURE_MS = Date.UTC(2200, 0, 1);
/** Delays in ticks: disordered, late, too late. A window is late from 60 to 66 ticks, sealed from 120 to 126. */
const DELAYS = { disordered: [1, 58], late: [66, 118], sealed: [128, 200] } as const;

/** Record values that are no samples. */
const POISON = [
  "",
  "{",
  "\u0000\u0001\uffff",
  "null",
  "[]",
  '{"v":1}',
  '{"v":99,"exchange":"x","instrument":"y","price":1,"timestampMs":1704067200000}',
  '{"v":1,"exchange":"x","instrument":"y","price":-1,"timestampMs":1704067200000}',
  '{"v":1,"exchange":"x","instrument":"y","price":"1","timestampMs":1704067200000}',
  '{"v":1,"exchange":"x","instrument":"y","price":1,"timestampMs":-5}',
  '{"v":1,"exchange":"x:x","instrument":"y","price":1,"timestampMs":1704067200000}',
].map((text) => new TextEncoder().encode(text));

/** How many samples of a window are known to be published. */
type CountOf = (market: string, startMs: number) => number;

/** An endless stream of records. Of one seed, always the same. */
export class SampleStream {
  readonly #dice: Dice;
  readonly #leapDice: Dice;
  readonly #delayed = new Map<number, NewRecord[]>();
  #tick = 0;
  #serial = 0;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
    this.#leapDice = new Dice(seed ^ LEAP_SALT);
  }

  /** The time of the next tick. */
  get nextMs(): number {
    return FIRST_MS + this.#tick * TICK_MS;
  }

  /** The records of the next tick, in the order to append them. */
  next(): NewRecord[] {
    const dice = this.#dice;
    for (let market = 0; market < MARKET_COUNT; market++) {
      if (dice.oneIn(50)) continue;
      this.#later(this.#sample(market));
      if (dice.oneIn(20)) this.#later(this.#sample(market));
    }
    if (dice.oneIn(2)) this.#send(this.#refused());
    const records = this.#delayed.get(this.#tick) ?? [];
    this.#delayed.delete(this.#tick++);
    return records.map((record) => this.#numbered(record));
  }

  /**
   * Samples that a monitor must find, to be sent with the tick that {@link next} gave last. A market
   * leaps in every other window at most, so that what a leap is held against has none.
   *
   * @param oneIn One of so many markets leaps.
   */
  leaps(countOf: CountOf, oneIn = 12): NewRecord[] {
    const { windowSizeMs } = TIMES;
    const presentMs = this.nextMs - TICK_MS;
    const records: NewRecord[] = [];
    for (let market = LEAPING_DIGIT; market < MARKET_COUNT; market += 10) {
      if (!this.#leapDice.oneIn(oneIn)) continue;
      const number = Math.floor(presentMs / windowSizeMs);
      const startMs = windowSizeMs * (number - (number + (market - LEAPING_DIGIT) / 10) % 2);
      if (countOf(marketOf(market), startMs - windowSizeMs) < BASELINE_COUNT_MIN) continue;
      const tickMs = Math.min(presentMs, startMs + windowSizeMs - TICK_MS);
      const price = LEAP_FACTOR * (1 + market);
      records.push(this.#sample(market, tickMs + LEAP_AFTER_MS, this.#leapDice, price));
    }
    return records.map((record) => this.#numbered(record));
  }

  /** A tick in which every market is at its usual price, none late: whatever leapt before is back. */
  calm(): NewRecord[] {
    const records = this.#allAt(this.nextMs);
    this.#tick++;
    return records;
  }

  /** One more sample a market into a window that is closed, a leap of all that may, and a calm tick. */
  afterwards(countOf: CountOf): NewRecord[] {
    return [
      ...this.#allAt(this.nextMs - DELAYS.late[1] * TICK_MS + 5000),
      ...this.leaps(countOf, 1),
      ...this.calm(),
    ];
  }

  #allAt(timeMs: number): NewRecord[] {
    const samples = Array.from({ length: MARKET_COUNT }, (_, i) => this.#sample(i, timeMs));
    return samples.map((record) => this.#numbered(record));
  }

  #later(record: NewRecord): void {
    const roll = this.#dice.below(100);
    const range = roll < 80
      ? [0, 0] as const
      : DELAYS[roll < 94 ? "disordered" : roll < 99 ? "late" : "sealed"];
    this.#send(record, range[0] + this.#dice.below(range[1] - range[0] + 1));
  }

  #send(record: NewRecord, delayTicks = 0): void {
    this.#delayed.getOrInsertComputed(this.#tick + delayTicks, () => []).push(record);
  }

  /** Every fourth market has no ticks: only the log's position guards it against being counted twice. */
  #sample(
    market: number,
    timeMs = this.nextMs,
    dice = this.#dice,
    price = usualPrice(market, dice),
  ): NewRecord {
    const hasTicks = market % 4 !== 0;
    const ticks = hasTicks ? { tickMs: timeMs, intervalMs: TICK_MS } : {};
    const timestampMs = timeMs + (hasTicks ? 137 : dice.below(TICK_MS / 2));
    const key = marketOf(market);
    const [exchange, instrument] = key.split(":") as [string, string];
    const sample = { exchange, instrument, price, timestampMs, ...ticks };
    const partition = partitionOf(key, PARTITION_COUNT);
    return { topic: TOPICS.samples, partition, key, value: encodeSample(sample) };
  }

  /** A record that cannot be counted: no sample, one from the future, or one in a wrong partition. */
  #refused(): NewRecord {
    const dice = this.#dice;
    const market = dice.below(MARKET_COUNT);
    const sample = this.#sample(market, dice.oneIn(4) ? FUTURE_MS : this.nextMs);
    const partition = (sample.partition + 1) % PARTITION_COUNT;
    if (dice.oneIn(4)) return { ...sample, partition };
    if (dice.oneIn(2)) return this.#sample(market, FUTURE_MS);
    return { ...sample, value: POISON[dice.below(POISON.length)]! };
  }

  #numbered(record: NewRecord): NewRecord {
    return { ...record, headers: { [SERIAL_HEADER]: `${this.#serial++}` } };
  }
}

/** Prices whose squares need more digits than a double has, in every tenth market; none is three times another. */
function usualPrice(market: number, dice: Dice): number {
  return market % 10 === 0
    ? 1e9 + dice.below(1000) * 2 ** -20
    : (1 + market) * (0.6 + 0.8 * dice.fraction());
}

/** The name of a market by its number. */
function marketOf(market: number): string {
  return `chaos:m${market}usd`;
}

/** Whether a market is one that leaps. */
export function isLeaping(market: string): boolean {
  return market.endsWith(`${LEAPING_DIGIT}usd`);
}
