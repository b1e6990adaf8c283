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

/** An endless stream of records. Of one seed, always the same. */
export class SampleStream {
  readonly #dice: Dice;
  readonly #delayed = new Map<number, NewRecord[]>();
  #tick = 0;
  #serial = 0;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
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

  /** One more sample a market into its present window, and one into a window that is closed. */
  afterwards(): NewRecord[] {
    return Array.from({ length: MARKET_COUNT }, (_, market) => [
      this.#sample(market, this.nextMs - TICK_MS + 5000),
      this.#sample(market, this.nextMs - DELAYS.late[1] * TICK_MS + 5000),
    ]).flat().map((record) => this.#numbered(record));
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
  #sample(market: number, timeMs = this.nextMs): NewRecord {
    const dice = this.#dice;
    const instrument = `m${market}usd`;
    // Prices whose squares need more digits than a double has, in every tenth market.
    const price = market % 10 === 0
      ? 1e9 + dice.below(1000) * 2 ** -20
      : (1 + market) * (0.5 + dice.fraction());
    const hasTicks = market % 4 !== 0;
    const ticks = hasTicks ? { tickMs: timeMs, intervalMs: TICK_MS } : {};
    const timestampMs = timeMs + (hasTicks ? 137 : dice.below(TICK_MS / 2));
    const sample = { exchange: "chaos", instrument, price, timestampMs, ...ticks };
    const key = `chaos:${instrument}`;
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
