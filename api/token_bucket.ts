/**
 * How much each client may ask: a bucket of tokens, full at first, which fills at an even rate; a
 * request takes one. Kept as the time at which a bucket is full again, which is all that one needs
 * (the generic cell rate algorithm of ITU-T I.371). Pure: time is given.
 *
 * @module
 */

/** The length of what a rate is counted over, in ms. */
export const RATE_WINDOW_MS = 60_000;

/** What all buckets are like. */
export interface TokenBucketsConfig {
  /** How many tokens a bucket holds, and gains in {@link RATE_WINDOW_MS}. */
  rate: number;
  /** Buckets remembered: a client that is forgotten has a full one. */
  clientCountMax: number;
}

/** What became of a request. */
export interface Taken {
  isAllowed: boolean;
  /** Tokens left. */
  remainingCount: number;
  /** Until the bucket is full again. */
  fullInMs: number;
  /** Until there is a token; 0 where there is one. */
  retryInMs: number;
}

/** A bucket for each client. */
export class TokenBuckets {
  /** When each is full again, in the order in which clients last asked; one that is full need not be here. */
  readonly #fullAtMs = new Map<string, number>();

  constructor(private readonly config: TokenBucketsConfig) {}

  get clientCount(): number {
    return this.#fullAtMs.size;
  }

  /** Takes a token of `client`, where there is one; where not, nothing changes. */
  take(client: string, nowMs: number): Taken {
    const { rate, clientCountMax } = this.config;
    const tokenMs = RATE_WINDOW_MS / rate;
    const known = this.#fullAtMs.get(client) ?? nowMs;
    // No bucket is emptier than empty, though the clock was set back.
    const fullInMs = Math.min(Math.max(0, known - nowMs), RATE_WINDOW_MS);
    // A millionth of a token: what sums of fractions are off by.
    const isAllowed = fullInMs + tokenMs <= RATE_WINDOW_MS + tokenMs * 1e-6;
    const afterMs = isAllowed ? fullInMs + tokenMs : fullInMs;
    this.#fullAtMs.delete(client);
    this.#fullAtMs.set(client, nowMs + afterMs);
    if (this.#fullAtMs.size > clientCountMax) {
      const [oldest] = this.#fullAtMs.keys();
      this.#fullAtMs.delete(oldest!);
    }
    return {
      isAllowed,
      remainingCount: Math.max(0, Math.floor((RATE_WINDOW_MS - afterMs) / tokenMs + 1e-6)),
      fullInMs: afterMs,
      retryInMs: isAllowed ? 0 : fullInMs + tokenMs - RATE_WINDOW_MS,
    };
  }
}
