/**
 * Deno's event loop and clients whose idle connections do not hold it open.
 *
 * @module
 */

/** Far longer than any wait for an answer: nothing is to be done when it rings. */
const ROUND_MS = 60_000;

/**
 * Runs `work` with the event loop held open. The Docker client's kept-alive sockets do not hold it,
 * not even while one waits for an answer on them: a test that awaits nothing else would be ended with
 * "Promise resolution is still pending but the event loop has already resolved".
 */
export async function heldOpen<T>(work: () => Promise<T>): Promise<T> {
  const held = setInterval(() => {}, ROUND_MS);
  try {
    return await work();
  } finally {
    clearInterval(held);
  }
}
