/**
 * How a role owns one partition of its group: claim it, work, and on any error or doubt give the
 * claim up and, after a back-off, claim again (protocol rule 12), until the partition is taken away.
 *
 * Safe to run twice, because nothing is carried from one claim to the next: all that counts is read
 * from the log's committed position, which only the newest claim can move.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock, Random } from "../ports/clock.ts";
import { type Claim, FencedError, type Group, type TopicLog } from "../ports/topic_log.ts";
import { ClaimLostError } from "../ports/window_store.ts";

/** First wait after a failure, in ms: a hiccup is over by then. */
export const BACK_OFF_MIN_MS = 100;
/** Longest wait, in ms: what an operator repaired is taken up again this soon. */
export const BACK_OFF_MAX_MS = 10_000;
/** First wait after being fenced, in ms: the group needs a moment to say who owns the partition. */
export const BACK_OFF_FENCED_MIN_MS = 1000;

/** Thrown by work that must not be tried again: its partition stops, and says why, until it is taken away. */
export class StopPartitionError extends Error {
  override name = "StopPartitionError";
}

/** One partition to own. */
export interface PartitionTask {
  log: Pick<TopicLog, "claim">;
  group: Group;
  partition: number;
  /** Aborts when the partition is taken away or the process shuts down. */
  revoked: AbortSignal;
  clock: Clock;
  random: Random;
  /** The role's problems by partition, in words for an operator; this partition's entry is kept here, and removed at the end. */
  problems: Map<number, string>;
}

/**
 * What to do with a claim, until `signal` aborts. Call `progress` whenever something succeeded (a
 * checkpoint, an empty fetch): it ends the recorded problem and the back-off.
 *
 * @throws {StopPartitionError} To stop the partition for good. Anything else is tried again from a new claim.
 */
export type PartitionWork = (
  claim: Claim,
  signal: AbortSignal,
  progress: () => void,
) => Promise<void>;

/** Owns the partition until it is revoked; never rejects. */
export async function runPartition(task: PartitionTask, work: PartitionWork): Promise<void> {
  const { log, group, partition, revoked, clock, random, problems } = task;
  const logger = getLogger(["data-tracker", group.id]);
  let attempt = 0;
  const progress = () => {
    attempt = 0;
    if (problems.delete(partition)) logger.info("Partition {partition} works again", { partition });
  };
  const report = (level: "error" | "warn", problem: string, next: string) => {
    const text = `${group.id}, partition ${partition}: ${problem}`;
    // Once per change: a store that is down for an hour is one line, not hundreds.
    if (problems.get(partition) !== text) {
      logger[level](`Partition {partition}: {problem}; ${next}`, { partition, problem });
    }
    problems.set(partition, text);
  };

  while (!revoked.aborted) {
    let waitMinMs = BACK_OFF_MIN_MS;
    let claim: Claim | undefined;
    try {
      claim = await log.claim(group, partition);
      if (!revoked.aborted) await work(claim, revoked, progress);
    } catch (error) {
      if (revoked.aborted) {
        logger.debug("Partition {partition} left: {problem}", {
          partition,
          problem: inWords(error),
        });
      } else if (error instanceof StopPartitionError) {
        report("error", inWords(error), "stopped, other partitions go on");
        await claim?.release();
        claim = undefined;
        await aborted(revoked);
      } else if (error instanceof FencedError || error instanceof ClaimLostError) {
        waitMinMs = BACK_OFF_FENCED_MIN_MS;
        logger.debug("Partition {partition} was claimed by another owner", { partition });
      } else {
        report("warn", inWords(error), "trying again");
      }
    } finally {
      await claim?.release();
    }
    if (revoked.aborted) break;
    const waitMs = Math.min(BACK_OFF_MAX_MS, waitMinMs * 2 ** attempt++);
    await clock.sleep(waitMs * (0.5 + random.fraction() / 2), revoked);
  }
  problems.delete(partition);
}

/** The error's message and those of its causes. */
function inWords(error: unknown): string {
  const messages: string[] = [];
  for (let e = error; e !== undefined && messages.length < 4; e = (e as Error | null)?.cause) {
    messages.push(e instanceof Error ? e.message : String(e));
  }
  return messages.join(": ");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
