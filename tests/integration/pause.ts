/**
 * Freezing a container.
 *
 * @module
 */
import pRetry from "p-retry";

/** Freezes a container: an engine that is busy fails to, now and then (`unable to freeze`), and can a moment later. */
export async function pause(container: { pause(): Promise<unknown> }): Promise<void> {
  await pRetry(() => container.pause(), { retries: 5, minTimeout: 300 });
}
