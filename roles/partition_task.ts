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
import { inWords, OperatorError } from "../errors.ts";
import type { Clock, Random } from "../ports/clock.ts";
import {
  type Claim,
  FencedError,
  type Group,
  LogAwayError,
  type OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import { ClaimLostError } from "../ports/partition_state.ts";
import { aborted } from "../signals.ts";

/** First wait after a failure, in ms: a hiccup is over by then. */
export const BACK_OFF_MIN_MS = 100;
/** Longest wait, in ms: what an operator repaired is taken up again this soon. */
export const BACK_OFF_MAX_MS = 10_000;
/** First wait after being fenced, in ms: the group needs a moment to say who owns the partition. */
export const BACK_OFF_FENCED_MIN_MS = 1000;

/** So long after it was told to end, work may still be at something, in ms: well within what a shutdown may take. */
export const LAST_WORK_MAX_MS = 4_000;

/** Thrown by work that must not be tried again: its partition stops, and says why, until it is taken away. */
export class StopPartitionError extends Error {
  override name = "StopPartitionError";
}

/** Thrown by work that no partition can do: the whole role ends. */
export class WrongSettingError extends OperatorError {
  override name = "WrongSettingError";
}

/** Of a partition whose committed offset its log does not reach: another log is there than the one that was read. */
export function recreated(
  { topic, offset, endOffset }: Pick<OffsetOutOfRangeError, "topic" | "offset" | "endOffset">,
  advice: string,
): StopPartitionError {
  return new StopPartitionError(
    `the committed offset ${offset} is past the end (${endOffset}) of ${topic}: was the topic deleted and made again? ${advice}`,
  );
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

/** Owns the partition until it is revoked. @throws {WrongSettingError} And nothing else. */
export async function runPartition(task: PartitionTask, work: PartitionWork): Promise<void> {
  const { log, group, partition, revoked, clock, random, problems } = task;
  const logger = getLogger(["data-tracker", group.id]);
  let attempt = 0;
  let isSaid = false;
  const progress = () => {
    attempt = 0;
    if (problems.delete(partition) && isSaid) {
      logger.info("Partition {partition} works again", { partition });
    }
    isSaid = false;
  };
  const report = (level: "error" | "warn" | "debug", problem: string, next: string) => {
    const text = `${group.id}, partition ${partition}: ${problem}`;
    // Once per change: a store that is down for an hour is one line, not hundreds.
    if (problems.get(partition) !== text) {
      logger[level](`Partition {partition}: {problem}; ${next}`, { partition, problem });
      isSaid ||= level !== "debug";
    }
    problems.set(partition, text);
  };

  while (!revoked.aborted) {
    let waitMinMs = BACK_OFF_MIN_MS;
    let claim: Claim | undefined;
    try {
      claim = await log.claim(group, partition, revoked);
      if (!revoked.aborted) await endedInTime(work(claim, revoked, progress), revoked, clock);
    } catch (error) {
      if (revoked.aborted) {
        logger.debug("Partition {partition} left: {problem}", {
          partition,
          problem: inWords(error),
        });
      } else if (error instanceof WrongSettingError) {
        throw error;
      } else if (error instanceof StopPartitionError) {
        report("error", inWords(error), "stopped, other partitions go on");
        await claim?.release();
        claim = undefined;
        await aborted(revoked);
      } else if (error instanceof FencedError || error instanceof ClaimLostError) {
        waitMinMs = BACK_OFF_FENCED_MIN_MS;
        logger.debug("Partition {partition} was claimed by another owner", { partition });
      } else {
        // A log that is away is told by its adapter, not by each partition.
        report(error instanceof LogAwayError ? "debug" : "warn", inWords(error), "trying again");
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

/**
 * Waits for work, and after it was told to end no longer than {@link LAST_WORK_MAX_MS}: a broker or a
 * store may be frozen. What is still under way then is fenced by the next claim, here or elsewhere.
 *
 * @throws {Error} Where it is abandoned; and what it throws.
 */
async function endedInTime(work: Promise<void>, revoked: AbortSignal, clock: Clock): Promise<void> {
  const done = new AbortController();
  const tooLate = aborted(AbortSignal.any([revoked, done.signal])).then(async () => {
    await clock.sleep(LAST_WORK_MAX_MS, done.signal);
    if (!done.signal.aborted) {
      throw new Error(`not ended ${LAST_WORK_MAX_MS} ms after it was told to`);
    }
  });
  // Heard of where it comes first.
  work.catch(() => {});
  try {
    await Promise.race([work, tooLate]);
  } finally {
    done.abort();
  }
}
