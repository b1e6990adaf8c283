/**
 * Waiting that an abort signal ends.
 *
 * @module
 */

/** Resolves when the signal aborts; never rejects. */
export async function aborted(signal: AbortSignal): Promise<void> {
  await orAborted(new Promise<never>(() => {}), signal);
}

/**
 * What `work` gives, or `null` as soon as the signal aborts; `work` goes on unheeded then.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 *
 * strictEqual(await orAborted(Promise.resolve(1)), 1);
 * strictEqual(await orAborted(new Promise(() => {}), AbortSignal.abort()), null);
 * ```
 */
export async function orAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T | null> {
  if (signal === undefined) return await work;
  const { promise, resolve } = Promise.withResolvers<null>();
  const abort = () => resolve(null);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    // A signal lives for as long as the process, and work comes many times a second.
    signal.removeEventListener("abort", abort);
  }
}
