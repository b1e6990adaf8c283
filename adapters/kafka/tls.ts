/**
 * What TLS to the brokers needs of the file system.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import { OperatorError } from "../../errors.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  /** Of the authorities that sign the brokers' certificates; `null`: those that Deno knows. */
  ca: string | null;
  /** With its chain, where the brokers want one; it goes with {@link key}. */
  certificate: string | null;
  key: string | null;
}

/**
 * Reads the files.
 *
 * @throws {OperatorError} Where one cannot be read, is not what it should be, or does not fit the other.
 */
export async function readTls({ ca, certificate, key }: TlsFiles): Promise<ConnectionOptions> {
  const options: ConnectionOptions = {};
  if (ca !== null) options.ca = await read("KAFKA_TLS_CA", ca, certificateOf);
  if (certificate === null || key === null) return options;
  options.cert = await read("KAFKA_TLS_CERT", certificate, certificateOf);
  options.key = await read("KAFKA_TLS_KEY", key, createPrivateKey);
  if (!certificateOf(options.cert).checkPrivateKey(createPrivateKey(options.key))) {
    throw new OperatorError(
      `KAFKA_TLS_KEY=${key}: is not the key of KAFKA_TLS_CERT=${certificate}; name the two that ` +
        "belong together",
    );
  }
  return options;
}

function certificateOf(pem: string): X509Certificate {
  return new X509Certificate(pem);
}

async function read(setting: string, path: string, check: (pem: string) => unknown) {
  const isKey = check === createPrivateKey;
  let pem: string;
  try {
    pem = await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound ? "no such file" : "cannot be read";
    throw new OperatorError(`${setting}=${path}: ${why}; name a PEM file`, { cause });
  }
  try {
    check(pem);
    return pem;
  } catch (cause) {
    const wanted = isKey ? "private key without a passphrase" : "certificate";
    throw new OperatorError(
      `${setting}=${path}: holds no ${wanted} in PEM, which begins with ` +
        `-----BEGIN ${isKey ? "PRIVATE KEY" : "CERTIFICATE"}-----`,
      { cause },
    );
  }
}
