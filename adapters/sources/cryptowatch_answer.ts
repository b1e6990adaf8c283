/**
 * The answers of a Cryptowatch-compatible API: the envelope checked by zod, its thousands of entries
 * by a comparison or two each.
 *
 * @module
 */
import { z } from "zod";
import type { Quote } from "../../ports/market_source.ts";
import { isId, isPrice } from "../../stats/sample.ts";
import { splitInstrument } from "./instrument_assets.ts";

/** Examples of malformed entries kept. */
const EXAMPLE_COUNT_MAX = 3;

/** Keys remembered, at some 300 bytes each: ten times what Cryptowatch had. */
const KEY_COUNT_MAX = 200_000;

const allowanceSchema = z.object({
  allowance: z.object({
    cost: z.number(),
    remaining: z.number(),
    remainingPaid: z.number().default(0),
  }),
});

const pageSchema = z.object({
  // Checked entry by entry below: zod would copy each.
  result: z.custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    { error: "must be an object of markets" },
  ),
  cursor: z.object({ last: z.string().nullish(), hasMore: z.boolean() }).nullish(),
});

/** One page: its entries, and the cursor of the next page where there is one. */
export interface Page {
  entries: Readonly<Record<string, unknown>>;
  nextCursor: string | null;
}

/** What the last request cost and what is left, paid credits included; `null` where it is not said. */
export function allowanceOf(json: unknown): { cost: number; remaining: number } | null {
  const result = allowanceSchema.safeParse(json);
  if (!result.success) return null;
  const { cost, remaining, remainingPaid } = result.data.allowance;
  return { cost, remaining: remaining + remainingPaid };
}

/**
 * Reads a page.
 *
 * @throws {TypeError} Where it is none; says what is wrong.
 */
export function pageOf(json: unknown): Page {
  const result = pageSchema.safeParse(json);
  if (!result.success) {
    const issues = result.error.issues.map((i) => `${i.path.join(".") || "answer"}: ${i.message}`);
    throw new TypeError(issues.join("; "));
  }
  const { result: entries, cursor } = result.data;
  if (!cursor?.hasMore) return { entries, nextCursor: null };
  if (!cursor.last) throw new TypeError("cursor: has more, but no last");
  return { entries, nextCursor: cursor.last };
}

/** What a key names. */
interface Named {
  kind: "market" | "index";
  market: Omit<Quote, "price">;
  /** One object for all keys that name the same market. */
  identity: object;
}

/** What keys name, kept from poll to poll: reading them is most of the work. */
export class MarketKeys {
  readonly #named = new Map<string, Named | null>();
  readonly #identities = new Map<string, object>();

  /** `market:EXCHANGE:INSTRUMENT`, `index:EXCHANGE:INSTRUMENT`, or the old `EXCHANGE:INSTRUMENT`; `null`: none of them. */
  read(key: string): Named | null {
    let named = this.#named.get(key);
    if (named === undefined) {
      if (this.#named.size >= KEY_COUNT_MAX) this.#named.clear();
      this.#named.set(key, named = this.#read(key));
    }
    return named;
  }

  #read(key: string): Named | null {
    const parts = key.split(":");
    const kind = parts.length === 2 ? "market" : parts.shift();
    const [exchange, instrument] = parts;
    if (kind !== "market" && kind !== "index" || parts.length !== 2) return null;
    if (!isId(exchange) || !isId(instrument)) return null;
    const assets = kind === "market" ? splitInstrument(instrument) : null;
    const name = `${exchange}:${instrument}`;
    if (this.#identities.size >= KEY_COUNT_MAX) this.#identities.clear();
    const identity = this.#identities.get(name) ?? {};
    this.#identities.set(name, identity);
    return { kind, market: { exchange, instrument, ...assets }, identity };
  }
}

/** Gathers the markets of a poll's pages. */
export class MarketReader {
  readonly quotes: Quote[] = [];
  readonly malformed = { count: 0, examples: [] as string[] };
  entryCount = 0;
  /** Entries that name a market which another entry has named: `market:` and the old form, say. */
  repeatedCount = 0;
  readonly #seen = new Set<object>();
  readonly #indexes: [Named, number][] = [];

  /** @param endpoint Prices are numbers there, or at `price.last`. */
  constructor(
    private readonly endpoint: "prices" | "summaries",
    private readonly keys: MarketKeys,
  ) {}

  /** Adds a page's entries. */
  add(entries: Page["entries"]): void {
    const nested = this.endpoint === "summaries";
    for (const key in entries) {
      this.entryCount++;
      const value = entries[key];
      const price = nested ? (value as Summary)?.price?.last : value;
      const named = this.keys.read(key);
      if (named === null || !isPrice(price)) {
        this.malformed.count++;
        if (this.malformed.examples.length < EXAMPLE_COUNT_MAX) {
          this.malformed.examples.push(`${key}: ${JSON.stringify(value)}`.slice(0, 200));
        }
      } else if (named.kind === "index") this.#indexes.push([named, price]);
      else this.#push(named, price);
    }
  }

  /** After the last page: indexes are series of their exchange as any other, but a market of the same name goes first. */
  end(): void {
    for (const [named, price] of this.#indexes.splice(0)) this.#push(named, price);
  }

  #push({ identity, market }: Named, price: number): void {
    const { size } = this.#seen;
    this.#seen.add(identity);
    if (this.#seen.size === size) this.repeatedCount++;
    else this.quotes.push({ ...market, price });
  }
}

type Summary = { price?: { last?: unknown } | null } | null | undefined;
