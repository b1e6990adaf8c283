/** One role of the program: main.ts, tests and tools make it by `createX(deps, config)` and run it alike. */
export interface Role {
  readonly name: string;
  /**
   * Works until `signal` aborts, then finishes what it must (flush, commit, close) and resolves.
   * Rejects where it cannot go on.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Whether it does its work now, and what is in its way if not, in words for an operator. */
  health(): RoleHealth;
}

/** What a role says of itself. */
export interface RoleHealth {
  ready: boolean;
  problems: readonly string[];
}
