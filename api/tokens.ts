/**
 * Tokens of the API. Only hashes are configured, so whoever reads the configuration has no token. A
 * token is 32 bytes of chance, which nobody finds by trying: SHA-256 needs no salt and no slowness.
 *
 * @module
 */
import { hash, timingSafeEqual } from "node:crypto";
import type { ApiToken } from "../config/access.ts";

/** Longest token read, in characters. */
const TOKEN_LENGTH_MAX = 200;

/** Tells whose token a request bears. */
export class Tokens {
  readonly #hashes: readonly { name: string; bytes: Uint8Array }[];

  constructor(tokens: readonly ApiToken[]) {
    this.#hashes = tokens.map(({ name, sha256 }) => ({ name, bytes: Uint8Array.fromHex(sha256) }));
  }

  /** Whether anybody needs one. */
  get areWanted(): boolean {
    return this.#hashes.length > 0;
  }

  /**
   * The name of the token in an `Authorization` header; `null`: there is none, or nobody's. Compares
   * with each in the same time, whichever fits.
   */
  nameOf(authorization: string | undefined): string | null {
    const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined || token.length > TOKEN_LENGTH_MAX) return null;
    const bytes = Uint8Array.fromHex(hashToken(token));
    let found: string | null = null;
    for (const known of this.#hashes) {
      if (timingSafeEqual(known.bytes, bytes)) found = known.name;
    }
    return found;
  }
}

/** A new token. */
export function makeToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  // The beginning lets scanners for secrets find one that was published by mistake.
  return `dt_${bytes.toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

/** The SHA-256 of a token, in hexadecimal digits. */
export function hashToken(token: string): string {
  return hash("sha256", token, "hex");
}
