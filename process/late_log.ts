/**
 * A log for reading that is opened when it is first asked.
 *
 * @module
 */
import type { TopicAdmin, TopicLog } from "../ports/topic_log.ts";

/** The part of a log that only reads. */
export type LogReader = Pick<TopicLog, "fetch"> & Pick<TopicAdmin, "describe" | "positions">;

/**
 * A reader that needs nothing of the log until it is asked, and tries to open it again where that
 * failed: whoever looks into the log only now and then works on while it is away.
 */
export function openedLate(
  open: () => Promise<LogReader & AsyncDisposable>,
): LogReader & AsyncDisposable {
  let opening: ReturnType<typeof open> | null = null;
  const log = () =>
    opening ??= open().catch((error) => {
      opening = null;
      throw error;
    });
  return {
    fetch: async (...asked) => await (await log()).fetch(...asked),
    describe: async (...asked) => await (await log()).describe(...asked),
    positions: async (...asked) => await (await log()).positions(...asked),
    async [Symbol.asyncDispose]() {
      const opened = await opening?.catch(() => null);
      await opened?.[Symbol.asyncDispose]();
    },
  };
}
