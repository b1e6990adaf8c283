/** Time and chance, which the pure folders must not name themselves. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Resolves after `durationMs`, or as soon as `signal` aborts; never rejects. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

/** Uniform chance. */
export interface Random {
  /** A number in `[0, 1)`. */
  fraction(): number;
  /** An id that no other call, process or machine will make: at least 64 random bits, as text. */
  id(): string;
}
