/**
 * What kafkajs throws, told apart: what passes by itself, what fences, what an operator must see to.
 *
 * @module
 */
import { OperatorError } from "../../errors.ts";
import { FencedError, LogAwayError, OffsetOutOfRangeError } from "../../ports/topic_log.ts";
import {
  CLOSED,
  firstReasonOf,
  isAccessError,
  type KafkaError,
  reasonOf,
  refusalOf,
} from "./access_errors.ts";

const CONNECTION_ERRORS = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
]);

/** They pass, though kafkajs has them as final. */
const PASSING_ERRORS = new Set([
  "KafkaJSGroupCoordinatorNotFound",
  "KafkaJSLockTimeout",
  "CONCURRENT_TRANSACTIONS",
  // Brokers of a cluster that is starting may be still to come.
  "INVALID_REPLICATION_FACTOR",
]);

/**
 * A later producer of the transactional id exists, or the broker ended the transaction itself. Kafka's
 * PRODUCER_FENCED is code 90, which kafkajs does not know.
 */
const FENCING_ERRORS = new Set(["INVALID_PRODUCER_EPOCH", "INVALID_TXN_STATE"]);
const FENCING_MESSAGE = "Unknown error code 90";

/** A broker that has just started, or has taken another's groups over, reads their logs first. */
const COORDINATOR_ERRORS = new Set([
  "KafkaJSGroupCoordinatorNotFound",
  "GROUP_LOAD_IN_PROGRESS",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP",
]);
const COORDINATOR_ADVICE = "a broker is still making itself ready for it";

const NEVER_SPOKE_MESSAGE = "Broker not connected";

/** What an operator can do about errors of the protocol. */
const ADVICE: Record<string, string> = {
  UNKNOWN_TOPIC_OR_PARTITION: "there is no such topic",
  INVALID_SESSION_TIMEOUT:
    "the broker does not allow this SESSION_TIMEOUT; set it between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms",
  INCONSISTENT_GROUP_PROTOCOL:
    "another program is a member of this consumer group; stop it, or let it use another group",
  INVALID_REPLICATION_FACTOR:
    "too few brokers answer for the copies of its topics; start all that KAFKA_BROKERS names, or name fewer",
  TOPIC_AUTHORIZATION_FAILED:
    "the broker's ACLs forbid it; allow KAFKA_USERNAME to describe, create, read and write the topics",
  GROUP_AUTHORIZATION_FAILED:
    "the broker's ACLs forbid it; allow KAFKA_USERNAME to read the groups aggregator and writer",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    "the broker's ACLs forbid it; allow KAFKA_USERNAME to write and describe the transactional ids of the groups",
  CLUSTER_AUTHORIZATION_FAILED:
    "the broker's ACLs forbid it; allow KAFKA_USERNAME to create topics, and to describe the cluster",
};

/** They say all there is to say. */
const OWN_ERRORS = [OperatorError, OffsetOutOfRangeError, FencedError];

/** A broker does not answer. */
export class UnreachableError extends LogAwayError {
  override name = "UnreachableError";

  constructor(readonly broker: string, readonly reason: string, cause: Error) {
    super(
      reason.startsWith(CLOSED)
        ? `KAFKA_BROKERS: cannot talk to ${broker}: ${reason}`
        : `KAFKA_BROKERS: cannot reach ${broker} (${reason}); is the broker up? ` +
          "Unset it to use the embedded log.",
      { cause },
    );
  }
}

/** The error beneath the wrappings that kafkajs puts around it. */
export function rootOf(thrown: unknown): KafkaError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (error instanceof OperatorError) return error;
  // Of several topics that could not be made.
  const [first] = (error as { errors?: unknown[] }).errors ?? [];
  const inner = error.cause instanceof Error ? error.cause : first;
  return inner instanceof Error ? rootOf(inner) : error;
}

/** Whether the same request may succeed a little later. */
export function isPassing(error: KafkaError): boolean {
  if (isAccessError(error)) return false;
  return error instanceof UnreachableError || error.retriable === true ||
    PASSING_ERRORS.has(error.name) ||
    PASSING_ERRORS.has(error.type ?? "") || isSilence(error);
}

/**
 * Whether a broker holds a connection and says nothing on it. kafkajs takes one for connected that has
 * not even said what it can.
 */
export function isSilence(error: Error): boolean {
  return error.name === "KafkaJSRequestTimeoutError" || error.message === NEVER_SPOKE_MESSAGE;
}

/** The address, `host:port`, of the broker whose connection failed; `null` where it was not the connection. */
export function lostBrokerOf(error: KafkaError): string | null {
  return CONNECTION_ERRORS.has(error.name) ? error.broker ?? null : null;
}

/** What an error that passes says to those who wait. */
export function waitingFor(error: KafkaError): string {
  return isOfCoordinator(error) ? COORDINATOR_ADVICE : error.message;
}

function isOfCoordinator({ name, type = "" }: KafkaError): boolean {
  return COORDINATOR_ERRORS.has(name) || COORDINATOR_ERRORS.has(type);
}

/** The error of brokers that have not answered in time. */
export function silenceOf(broker: string): Error {
  return new UnreachableError(broker, "no answer", new Error("no answer"));
}

/**
 * The error to throw to the program: in its words, naming what was done.
 *
 * @param context Who logs in, and whether nothing has been reached yet.
 */
export function explain(
  action: string,
  thrown: unknown,
  { username, isFirst = false }: { username?: string | undefined; isFirst?: boolean } = {},
): Error {
  const error = rootOf(thrown);
  if (OWN_ERRORS.some((own) => error instanceof own)) return error;
  const options = { cause: error };
  if (FENCING_ERRORS.has(error.type ?? "") || error.message === FENCING_MESSAGE) {
    return new FencedError(`${action}: a later claim has fenced this one`, options);
  }
  const refusal = refusalOf(error, username);
  if (refusal !== null) return new OperatorError(refusal, options);
  if (CONNECTION_ERRORS.has(error.name) || isSilence(error)) {
    const reason = isFirst ? firstReasonOf(error) : reasonOf(error);
    return new UnreachableError(error.broker ?? "the broker", reason, error);
  }
  if (isOfCoordinator(error)) return new LogAwayError(`${action}: ${COORDINATOR_ADVICE}`, options);
  const advice = ADVICE[error.type ?? ""];
  return advice === undefined
    ? new Error(`${action}: ${error.message}`, options)
    : new OperatorError(`${action}: ${advice}`, options);
}
