/**
 * A source of market prices: one poll brings all its markets at once.
 *
 * @module
 */

/** One market's price as a source gave it. */
export interface Quote {
  exchange: string;
  instrument: string;
  base?: string;
  quote?: string;
  /** As given: zero, where the exchange marks a dead market so. */
  price: number;
}

/** What one poll brought. */
export interface Poll {
  quotes: readonly Quote[];
  /** When the answer arrived, in ms since the epoch. */
  observedMs: number;
  /** Entries that the source gave, whatever they were. */
  entryCount: number;
  /** Entries that are no market (an index, say). */
  leftOutCount: number;
  /** Entries that could not be understood, with up to a few examples; the others go on. */
  malformed: { count: number; examples: readonly string[] };
  budget: Budget | null;
}

/** What a source says of the calls that are left to us. */
export interface Budget {
  /** What one whole poll costs, in credits. */
  costPerPoll: number;
  /** Credits left. */
  remaining: number;
  /** When the credits come back whole, in ms since the epoch; `null` where the source does not say. */
  resetMs: number | null;
}

/** What more a {@link SourceError} can tell. */
export interface SourceErrorOptions extends ErrorOptions {
  /** When the source said to come back, in ms since the epoch; `null` where it did not. */
  retryAtMs?: number | null;
  budget?: Budget | null;
}

/** A poll that brought nothing. */
export class SourceError extends Error {
  override name = "SourceError";
  readonly retryAtMs: number | null;
  readonly budget: Budget | null;

  constructor(
    message: string,
    /** `refused`: the source said to slow down. `unreachable`: no answer in time. `malformed`: an answer that is none. `failed`: it answered with an error. */
    readonly kind: "refused" | "unreachable" | "malformed" | "failed",
    { retryAtMs = null, budget = null, ...options }: SourceErrorOptions = {},
  ) {
    super(message, options);
    this.retryAtMs = retryAtMs;
    this.budget = budget;
  }
}

/** The port. */
export interface MarketSource {
  /** As in `SOURCES`. */
  readonly name: string;
  /**
   * Asks for all markets once.
   *
   * @param tickMs The scheduled time of this run, in ms since the epoch.
   * @throws {SourceError} Where there is no answer to use. Retries within the tick are the source's own.
   */
  poll(tickMs: number, signal: AbortSignal): Promise<Poll>;
}
