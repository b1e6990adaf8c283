/**
 * Settings that say who may use the API.
 *
 * @module
 */

/** Who may use the API: a name for logs and limits, and the SHA-256 of a token. */
export interface ApiToken {
  name: string;
  /** 64 hexadecimal digits, in lower case. */
  sha256: string;
}

/** What a token may be called. */
export const TOKEN_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Reads `name:sha256,…`; `null` where it is something else.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert";
 * import { parseApiTokens } from "./access.ts";
 * const sha256 = "ab".repeat(32);
 * deepStrictEqual(parseApiTokens(`alice:${sha256}`), [{ name: "alice", sha256 }]);
 * deepStrictEqual(parseApiTokens("alice:the-token-itself"), null);
 * ```
 */
export function parseApiTokens(text: string): ApiToken[] | null {
  const tokens = text.split(",").map((item) => item.trim()).filter((item) => item !== "")
    .map((item) => {
      const [name = "", sha256 = "", ...more] = item.split(":");
      return { name, sha256: sha256.toLowerCase(), isWhole: more.length === 0 };
    });
  const isRight = tokens.every(({ name, sha256, isWhole }) =>
    isWhole && TOKEN_NAME.test(name) && /^[0-9a-f]{64}$/.test(sha256)
  );
  const names = new Set(tokens.map(({ name }) => name));
  return isRight && tokens.length > 0 && names.size === tokens.length
    ? tokens.map(({ name, sha256 }) => ({ name, sha256 }))
    : null;
}

/** The same as it may be shown: whatever is wrong with it, it may hold a token. */
export function shownApiTokens(text: string): string {
  const tokens = parseApiTokens(text);
  return tokens === null ? "(hidden)" : tokens.map(({ name }) => `${name}:(hidden)`).join(",");
}

/** Whether only the machine itself reaches this address. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i.test(host);
}
