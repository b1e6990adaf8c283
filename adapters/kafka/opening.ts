/**
 * The first contact with a cluster: quick to fail, or patient and saying what it waits for.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { formatDuration } from "../../config/duration.ts";
import { orAborted } from "../../signals.ts";
import { systemClock } from "../system_clock.ts";
import type { ClusterConnection } from "./connection.ts";
import { isPassing, rootOf, silenceOf, UnreachableError, waitingFor } from "./errors.ts";

/** Nobody waits longer than ten seconds to hear that a start has failed. */
const OPEN_TIMEOUT_MS = 9_000;
/** For so long a start without patience is tried again: a broker may be starting, too. */
const OPEN_RETRY_MS = 3_000;
/** How often a patient start tries again and says what it waits for, in ms. */
const PATIENT_RETRY_INTERVAL_MS = 1_000;
const PATIENT_REMINDER_INTERVAL_MS = 30_000;

const log = getLogger(["data-tracker", "kafka"]);

/** How to begin. */
export interface OpeningOptions {
  /** How an error names them. */
  brokers: readonly string[];
  /** How long brokers that cannot be reached are waited for, in ms; 0 fails within ten seconds. */
  patienceMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * Connects, with patience, or until the signal aborts.
 *
 * @throws Where no broker has answered within the patience and {@link OPEN_TIMEOUT_MS}, or the broker
 * does not let us in; the signal's reason.
 */
export async function openConnection(
  connection: ClusterConnection,
  options: OpeningOptions,
): Promise<void> {
  const { patienceMs, signal } = options;
  const untilMs = Date.now() + patienceMs;
  for (let saidMs = -Infinity;;) {
    try {
      await openOnce(connection, options);
      if (saidMs > 0) log.info("Kafka answers");
      connection.reachability.wasReached = true;
      return;
    } catch (error) {
      signal?.throwIfAborted();
      const nowMs = Date.now();
      const reason = passingReasonOf(error);
      if (reason === null || nowMs >= untilMs) throw error;
      if (nowMs - saidMs >= PATIENT_REMINDER_INTERVAL_MS) {
        saidMs = nowMs;
        const left = formatDuration(Math.ceil((untilMs - nowMs) / 1_000) * 1_000);
        log.warning("Kafka: {reason}; trying again for {left}", { reason, left });
      }
    }
    await systemClock.sleep(PATIENT_RETRY_INTERVAL_MS, signal);
    signal?.throwIfAborted();
  }
}

/** What is in the way for now, in words; `null` where waiting does not help. */
function passingReasonOf(error: unknown): string | null {
  if (error instanceof UnreachableError) return `cannot reach ${error.broker} (${error.reason})`;
  const root = rootOf(error);
  return isPassing(root) ? waitingFor(root) : null;
}

async function openOnce(
  connection: ClusterConnection,
  { brokers, patienceMs, signal }: OpeningOptions,
): Promise<void> {
  const connect = async () => {
    await connection.cluster.connect();
    await connection.cluster.refreshMetadata();
  };
  const forMaxMs = patienceMs > 0 ? 0 : OPEN_RETRY_MS;
  const connecting = connection.retry("connecting", connect, { forMaxMs, signal });
  const connected = new AbortController();
  // kafkajs itself waits longer for one that takes the connection and is silent.
  const timeout = systemClock.sleep(OPEN_TIMEOUT_MS, connected.signal).then(() => {
    if (connected.signal.aborted) return;
    const error = silenceOf(brokers.join(", "));
    void connection.breakOff(error);
    throw error;
  });
  try {
    await orAborted(Promise.race([connecting, timeout]), signal);
    signal?.throwIfAborted();
  } finally {
    connected.abort();
  }
}
