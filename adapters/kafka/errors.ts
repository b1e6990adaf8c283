/**
 * What kafkajs throws, told apart: what passes by itself, what fences, what an operator must see to.
 *
 * @module
 */
import { FencedError, OffsetOutOfRangeError } from "../../ports/topic_log.ts";

/** What an error of kafkajs may carry. */
interface KafkaError extends Error {
  /** The protocol's name of the error. */
  type?: string;
  /** The system's, of a connection error. */
  code?: string | number;
  /** `host:port` of the broker. */
  broker?: string;
  retriable?: boolean;
}

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
]);

/**
 * A later producer of the transactional id exists, or the broker ended the transaction itself. Kafka's
 * PRODUCER_FENCED is code 90, which kafkajs does not know.
 */
const FENCING_ERRORS = new Set(["INVALID_PRODUCER_EPOCH", "INVALID_TXN_STATE"]);
const FENCING_MESSAGE = "Unknown error code 90";

const NEVER_SPOKE_MESSAGE = "Broker not connected";

const CONNECTION_REASONS: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection lost",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "no such host",
  EHOSTUNREACH: "no route to the host",
  ETIMEDOUT: "no answer",
  KafkaJSConnectionClosedError: "connection lost",
  KafkaJSRequestTimeoutError: "no answer",
};

/** The error beneath the wrappings that kafkajs puts around it. */
export function rootOf(thrown: unknown): KafkaError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

/** Whether the same request may succeed a little later. */
export function isPassing(error: KafkaError): boolean {
  return error.retriable === true || PASSING_ERRORS.has(error.name) ||
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

/** Why a connection failed, in words. */
export function reasonOf(error: KafkaError): string {
  return CONNECTION_REASONS[error.code ?? error.name] ??
    error.message.replace(/^Connection error: /, "");
}

/** The error of brokers that have not answered in time. */
export function silenceOf(broker: string): Error {
  const error = Object.assign(new Error("no answer"), {
    name: "KafkaJSRequestTimeoutError",
    broker,
  });
  return explain("connecting", error);
}

/** The error to throw to the program: in its words, naming what was done. */
export function explain(action: string, thrown: unknown): Error {
  const error = rootOf(thrown);
  if (error instanceof OffsetOutOfRangeError) return error;
  const options = { cause: error };
  if (FENCING_ERRORS.has(error.type ?? "") || error.message === FENCING_MESSAGE) {
    return new FencedError(`${action}: a later claim has fenced this one`, options);
  }
  if (error.name === "KafkaJSSASLAuthenticationError") {
    return new Error(
      `KAFKA_BROKERS: the broker refused the credentials (${error.message}); check KAFKA_SASL_MECHANISM, KAFKA_USERNAME and KAFKA_PASSWORD`,
      options,
    );
  }
  if (CONNECTION_ERRORS.has(error.name)) {
    return new Error(
      `KAFKA_BROKERS: cannot reach ${error.broker} (${reasonOf(error)}); is the broker up? ` +
        "Unset it to use the embedded log.",
      options,
    );
  }
  const isUnknown = error.type === "UNKNOWN_TOPIC_OR_PARTITION";
  return new Error(`${action}: ${isUnknown ? "there is no such topic" : error.message}`, options);
}
