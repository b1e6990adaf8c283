/**
 * Errors in words, for people who run the program.
 *
 * @module
 */

/** So many causes are told at most, one within the other. */
const CAUSE_COUNT_MAX = 4;

/** Its message says all that whoever runs the program needs: it is shown alone, with no cause and no stack trace. */
export class OperatorError extends Error {
  override name = "OperatorError";
}

/**
 * An error's message, and in brackets what of its causes it does not tell.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 *
 * strictEqual(inWords(new Error("no store", { cause: new Error("disk full") })), "no store (disk full)");
 * strictEqual(inWords(new OperatorError("Free the disk.", { cause: new Error("ENOSPC") })), "Free the disk.");
 * ```
 */
export function inWords(thrown: unknown, causeCountMax = CAUSE_COUNT_MAX): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // What failed first, and what failed then while it was being cleared away.
  if (thrown instanceof SuppressedError && causeCountMax > 0) {
    const [first, then] = [thrown.suppressed, thrown.error]
      .map((error) => inWords(error, causeCountMax - 1));
    return `${first} (and then: ${then})`;
  }
  const { message, cause } = thrown;
  const isWhole = thrown instanceof OperatorError || cause === undefined || causeCountMax === 0;
  const why = isWhole ? "" : inWords(cause, causeCountMax - 1);
  return message.includes(why) ? message : `${message} (${why})`;
}
