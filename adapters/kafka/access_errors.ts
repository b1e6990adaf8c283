/**
 * Why a broker did not let us in, or could not be reached, in words: TLS, logins, permissions.
 *
 * @module
 */
/** What an error of kafkajs may carry. */
export interface KafkaError extends Error {
  /** The protocol's name of the error. */
  type?: string;
  /** The system's, of a connection error. */
  code?: string | number;
  /** `host:port` of the broker. */
  broker?: string;
  retriable?: boolean;
}

const CONNECTION_REASONS: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection lost",
  EPIPE: "connection lost",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "no such host",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the host",
  ETIMEDOUT: "no answer",
  KafkaJSConnectionClosedError: "connection lost",
  KafkaJSRequestTimeoutError: "no answer",
  "Connection timeout": "no answer",
  "Broker not connected": "no answer",
};

/** What a broker does that was reached, and was meant for others. */
export const CLOSED = "it closed the connection";

/** Node's word for a handshake that ended before it began. A broker that ends meanwhile does the same. */
const NO_HANDSHAKE = /before secure TLS connection was established/;

/** What is wrong with the broker's certificate, by the code of OpenSSL that Node uses, and what to do. */
const CERTIFICATE_PROBLEMS: readonly [codes: RegExp, problem: string][] = [
  [
    /^UNABLE_TO_(VERIFY|GET)|SELF_SIGNED_CERT/,
    "its certificate is of an authority that is not known here; name that authority's certificate in KAFKA_TLS_CA",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "its certificate is for other hosts; name the broker as its certificate does, or renew that",
  ],
  [/^CERT_HAS_EXPIRED$/, "its certificate has expired; renew it, or set this machine's clock"],
  [/^CERT_NOT_YET_VALID$/, "its certificate is not valid yet; set this machine's clock"],
  [
    /^ERR_SSL_.*ALERT_(BAD_CERTIFICATE|CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERT|ACCESS_DENIED)/,
    "it does not accept our certificate; set KAFKA_TLS_CERT and KAFKA_TLS_KEY to one of an authority that the broker knows",
  ],
  [
    /^ERR_SSL_WRONG_VERSION|^ERR_SSL_PACKET/,
    "this listener of it does not speak TLS; set KAFKA_TLS=no, or name one that does",
  ],
  [/^CERT_|^ERR_(SSL|TLS)_/, "TLS failed; see KAFKA_TLS"],
];

/** Why a connection failed, in words. */
export function reasonOf(error: KafkaError): string {
  const reason = error.message.replace(/^Connection error: /, "");
  if (NO_HANDSHAKE.test(reason)) return "connection lost";
  return CONNECTION_REASONS[error.code ?? error.name] ?? CONNECTION_REASONS[reason] ?? reason;
}

/** As {@link reasonOf}, of a connection on which a broker has never answered: it may be meant for others. */
export function firstReasonOf(error: KafkaError): string {
  if (NO_HANDSHAKE.test(error.message)) {
    return `${CLOSED} instead of speaking TLS: is this its listener for plain text? See KAFKA_TLS`;
  }
  return error.name === "KafkaJSConnectionClosedError"
    ? `${CLOSED}: does this listener want TLS or a login? See KAFKA_TLS and KAFKA_SASL_MECHANISM`
    : reasonOf(error);
}

/** Whether a broker was reached and did not let us in, for a reason that only people can mend. */
export function isAccessError(error: KafkaError): boolean {
  return refusalOf(error) !== null;
}

/**
 * Why we are not let in and what to do; `null` where that was not it.
 *
 * @param username Who logs in.
 */
export function refusalOf(error: KafkaError, username = ""): string | null {
  const { message, name, type } = error;
  if (name === "KafkaJSSASLAuthenticationError" || type === "SASL_AUTHENTICATION_FAILED") {
    const why = message.replace(/^SASL \S+( SHA\d+)? authentication failed: /, "");
    return `KAFKA_USERNAME=${username}: the broker refused the login (${why}); check ` +
      "KAFKA_SASL_MECHANISM, KAFKA_USERNAME and KAFKA_PASSWORD";
  }
  if (type === "UNSUPPORTED_SASL_MECHANISM") {
    return "KAFKA_SASL_MECHANISM: the broker does not know this one; set one that its listener allows";
  }
  if (type === "ILLEGAL_SASL_STATE") {
    return "KAFKA_SASL_MECHANISM: this listener of the broker takes no logins; unset " +
      "KAFKA_SASL_MECHANISM, KAFKA_USERNAME and KAFKA_PASSWORD, or name the listener that does";
  }
  const { broker = "the broker", code = "" } = error;
  if (name === "KafkaJSConnectionError" && /NotCapable|Requires net access/.test(message)) {
    return `KAFKA_BROKERS: the cluster names ${broker}, which this process is not permitted to ` +
      "reach; list every broker as the cluster advertises it";
  }
  const found = CERTIFICATE_PROBLEMS.find(([codes]) => codes.test(`${code}`));
  if (found === undefined || name !== "KafkaJSConnectionError") return null;
  return `KAFKA_BROKERS: cannot talk to ${broker} (${reasonOf(error)}): ${found[1]}`;
}
