/**
 * A market to try things on, offline: made-up exchanges whose prices follow common assets, each a
 * little apart from the others.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { MarketSource, Poll, Quote } from "../../ports/market_source.ts";
import { type Path, pathOf } from "./simulated_price.ts";

/** What every simulated exchange's name begins with, so that it never mixes with real ones. */
export const SIMULATED_PREFIX = "simulated-";

const EXCHANGES = ["alpha", "bravo", "charlie", "delta"];

/** Asset: its price in US dollars at the start, its yearly volatility. */
const ASSETS: Readonly<Record<string, readonly [price: number, volatility: number]>> = {
  usd: [1, 0],
  eur: [1.08, 0.08],
  btc: [60_000, 0.5],
  eth: [3_000, 0.65],
  sol: [150, 0.9],
  xrp: [0.55, 0.8],
  ada: [0.45, 0.85],
  doge: [0.12, 1.1],
  dot: [6.5, 0.85],
  ltc: [80, 0.7],
  link: [14, 0.9],
  avax: [30, 1],
  xlm: [0.11, 0.8],
  uni: [8, 1],
};

/** `btcusd`, `btceur`, …, and six crosses: 30 instruments. */
const PAIRS: readonly (readonly [base: string, quote: string])[] = [
  ...Object.keys(ASSETS).filter((asset) => !["usd", "eur"].includes(asset))
    .flatMap((base) => [[base, "usd"], [base, "eur"]] as const),
  ...["eth", "sol", "xrp", "ada", "ltc", "link"].map((base) => [base, "btc"] as const),
];

/** How an asset moves: from one second to the next, around its start over some 48 days. */
const ASSET_OCTAVES = [0, 22] as const;
/** How an exchange differs: within some minutes, by some hundredths of a per cent. */
const SPREAD = { volatility: 0.12, octaves: [3, 9], leap: 0 } as const;
/** Height of the leaps of an asset with a yearly volatility of 1, of the logarithm. */
const LEAP = 0.08;
/** Significant digits of an instrument's tick size. */
const DIGIT_COUNT = 6;

/** How large a market, and which. */
export interface SimulatedConfig {
  /** The same seed, the same prices. */
  seed: number;
  /** Over all exchanges; with more than 120, further assets are called `coin31` and so on. */
  marketCount: number;
}

interface Market extends Required<Omit<Quote, "price">> {
  baseAsset: Asset;
  quoteAsset: Asset;
  spread: Path;
  /** Prices are whole numbers of 1 ÷ `scale`. */
  scale: number;
}

interface Asset {
  startLog: number;
  path: Path;
  /** Its logarithm at the moment last asked for. */
  log: number;
}

/** The source; {@link SimulatedSource.quotesAt} gives any moment, past ones too. */
export class SimulatedSource implements MarketSource {
  readonly name = "simulated";
  readonly #assets = new Map<string, Asset>();
  readonly #markets: readonly Market[];

  constructor(private readonly clock: Clock, private readonly config: SimulatedConfig) {
    this.#markets = Array.from({ length: config.marketCount }, (_, i) => this.#market(i));
  }

  #market(place: number): Market {
    const exchange = SIMULATED_PREFIX + EXCHANGES[place % EXCHANGES.length];
    const pair = Math.floor(place / EXCHANGES.length);
    const [base, quote] = PAIRS[pair] ?? [`coin${pair + 1}`, "usd"];
    const instrument = base + quote;
    const [baseAsset, quoteAsset] = [this.#asset(base), this.#asset(quote)];
    const magnitude = Math.floor((baseAsset.startLog - quoteAsset.startLog) / Math.LN10);
    return {
      exchange,
      instrument,
      base,
      quote,
      baseAsset,
      quoteAsset,
      spread: pathOf(this.config.seed, { name: `${exchange}:${instrument}`, ...SPREAD }),
      scale: 10 ** Math.max(0, DIGIT_COUNT - 1 - magnitude),
    };
  }

  #asset(name: string): Asset {
    let asset = this.#assets.get(name);
    if (asset === undefined) {
      const [price, volatility] = ASSETS[name] ?? [10, 1];
      const wander = { name, volatility, octaves: ASSET_OCTAVES, leap: LEAP * volatility };
      asset = { startLog: Math.log(price), path: pathOf(this.config.seed, wander), log: 0 };
      this.#assets.set(name, asset);
    }
    return asset;
  }

  /** All markets as they are at `tickMs`, in ms since the epoch. */
  quotesAt(tickMs: number): Quote[] {
    const timeS = tickMs / 1000;
    for (const asset of this.#assets.values()) asset.log = asset.startLog + asset.path(timeS);
    return this.#markets.map((market) => {
      const { exchange, instrument, base, quote, baseAsset, quoteAsset, spread, scale } = market;
      const exact = Math.exp(baseAsset.log - quoteAsset.log + spread(timeS));
      return {
        exchange,
        instrument,
        base,
        quote,
        price: Math.round(exact * scale) / scale,
      };
    });
  }

  poll(tickMs: number): Promise<Poll> {
    const quotes = this.quotesAt(tickMs);
    return Promise.resolve({
      quotes,
      observedMs: this.clock.nowMs(),
      entryCount: quotes.length,
      leftOutCount: 0,
      malformed: { count: 0, examples: [] },
      budget: null,
    });
  }
}
