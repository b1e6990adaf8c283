/**
 * A source that speaks as Cryptowatch did: all markets by `/markets/prices` or `/markets/summaries`,
 * page by page.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import {
  type Budget,
  type MarketSource,
  type Poll,
  SourceError,
} from "../../ports/market_source.ts";
import { allowanceOf, MarketKeys, MarketReader, type Page, pageOf } from "./cryptowatch_answer.ts";
import { type Get, type HttpConfig, httpPoll } from "./http_poll.ts";

/** Pages of one poll: of up to 20,000 rows each, all markets there ever were are one. */
const PAGE_COUNT_MAX = 50;
/** Entries of one poll: ten times what Cryptowatch gave. */
const ENTRY_COUNT_MAX = 200_000;
/** A whole poll's time-out, in ms: well within the minute of the next one. */
const TIMEOUT_MS = 30_000;

/** Where and how to ask. */
export interface CryptowatchConfig extends Partial<Pick<HttpConfig, "timeoutMs" | "backOffMinMs">> {
  /** The API's base address, a path included if it has one. */
  url: string;
  endpoint: "prices" | "summaries";
  /** Sent as `X-CW-API-Key`. */
  apiKey: string | null;
}

/** The source. */
export class CryptowatchSource implements MarketSource {
  readonly name = "cryptowatch";
  readonly #address: URL;
  readonly #http: HttpConfig;
  readonly #keys = new MarketKeys();

  /** @throws {TypeError} Where the address or the key cannot be used. */
  constructor(private readonly clock: Clock, private readonly config: CryptowatchConfig) {
    const { url, endpoint, apiKey } = config;
    if (!URL.canParse(url)) throw new TypeError(`CRYPTOWATCH_URL: "${url}" is no address`);
    if (apiKey !== null && !/^[\x21-\x7e]+$/.test(apiKey)) {
      throw new TypeError("CRYPTOWATCH_API_KEY: has characters that no key has (spaces, quotes?)");
    }
    this.#address = new URL(url);
    this.#address.pathname = `${this.#address.pathname.replace(/\/+$/, "")}/markets/${endpoint}`;
    const headers = apiKey === null ? {} : { "x-cw-api-key": apiKey };
    this.#http = { timeoutMs: TIMEOUT_MS, ...config, headers };
  }

  async poll(_tickMs: number, signal: AbortSignal): Promise<Poll> {
    let budget: Budget | null = null;
    const spend = (json: unknown) => {
      const allowance = allowanceOf(json);
      if (allowance === null) return;
      const costPerPoll = (budget?.costPerPoll ?? 0) + allowance.cost;
      budget = { costPerPoll, remaining: allowance.remaining, resetMs: null };
    };
    try {
      const markets = await httpPoll(
        this.#http,
        this.clock,
        signal,
        (get) => this.#read(get, spend),
      );
      return {
        quotes: markets.quotes,
        observedMs: this.clock.nowMs(),
        entryCount: markets.entryCount,
        leftOutCount: markets.repeatedCount,
        malformed: markets.malformed,
        budget,
      };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      // With what the failure cost, and what it left.
      const { message, kind, retryAtMs, cause } = error;
      throw new SourceError(message, kind, { retryAtMs, budget, cause });
    }
  }

  async #read(get: Get, spend: (json: unknown) => void): Promise<MarketReader> {
    const markets = new MarketReader(this.config.endpoint, this.#keys);
    const cursors = new Set<string>();
    for (let url = this.#address;;) {
      const { entries, nextCursor } = this.#pageOf(await get(url, spend));
      markets.add(entries);
      if (nextCursor === null) break;
      if (cursors.has(nextCursor)) throw this.#malformed("a cursor came back: pages without end");
      cursors.add(nextCursor);
      if (cursors.size >= PAGE_COUNT_MAX || markets.entryCount > ENTRY_COUNT_MAX) {
        throw this.#malformed(`no end after ${cursors.size} pages, ${markets.entryCount} entries`);
      }
      url = new URL(this.#address);
      url.searchParams.set("cursor", nextCursor);
    }
    markets.end();
    if (markets.quotes.length > 0) return markets;
    const [example] = markets.malformed.examples;
    throw this.#malformed(`no markets${example === undefined ? "" : `, but ${example}`}`);
  }

  #pageOf(json: unknown): Page {
    try {
      return pageOf(json);
    } catch (cause) {
      throw this.#malformed((cause as Error).message);
    }
  }

  #malformed(what: string): SourceError {
    const { origin, pathname } = this.#address;
    return new SourceError(
      `${origin}${pathname}: not as Cryptowatch answers: ${what}`,
      "malformed",
    );
  }
}
