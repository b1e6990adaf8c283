/**
 * What spares a client, a cache between and the store the same answer twice: every JSON answer bears
 * an `ETag` of its bytes and is not sent to who has it already; one that stays as it is may be kept
 * for ever, and is kept here for a while, too.
 *
 * @module
 */
import { hash } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import type { Clock } from "../ports/clock.ts";
import { routePath } from "hono/route";
import { ByteCache, type KeptAnswer } from "./byte_cache.ts";
import { FORMATS, wantedFormat } from "./formats.ts";

/** Room for the answers that stay: days of the charts that are looked at most. */
const CACHE_BYTES_MAX = 16 * 1024 * 1024;

/** How long one is answered from here, in ms: an import may still replace rows of the store. */
const CACHE_KEEP_MS = 60_000;

/** What an answer with 304 bears, besides what HTTP wants: all that every answer does. */
const RETAINED = [
  ...RETAINED_304_HEADERS,
  "access-control-allow-origin",
  "access-control-expose-headers",
  "content-security-policy",
  "cross-origin-resource-policy",
  "ratelimit",
  "ratelimit-policy",
  "referrer-policy",
  "x-content-type-options",
];

declare module "hono" {
  interface ContextVariableMap {
    /** Set where the answer stays as it is, whatever is counted later. */
    isFinal: true;
  }
}

/** Makes room for answers that stay. */
export function createByteCache(): ByteCache {
  return new ByteCache({ byteCountMax: CACHE_BYTES_MAX, keepMs: CACHE_KEEP_MS });
}

/**
 * Makes the middleware.
 *
 * @param isPrivate Whether an answer is for one client alone, so that no cache may share it.
 */
export function validation(
  cache: ByteCache,
  clock: Pick<Clock, "nowMs">,
  isPrivate = false,
): MiddlewareHandler {
  const notModified = etag({ retainedHeaders: RETAINED });
  const forEver = `${isPrivate ? "private" : "public"}, max-age=31536000, immutable`;

  return async (c, next): Promise<Response | void> => {
    const isAsked = c.req.header("if-none-match") !== undefined;
    const key = keyOf(c);
    // As a reload asks.
    const isFresh = c.req.header("cache-control") === "no-cache";
    const kept = key === null || isFresh ? null : cache.get(key, clock.nowMs());
    if (kept !== null) {
      tellLength(c, kept.length);
      const answer = c.body(kept.text, 200, kept.headers);
      if (!isAsked) return answer;
      c.res = answer;
    } else {
      await next();
      const answer = await tagged(c);
      if (answer === null) return;
      if (key !== null && c.get("isFinal")) cache.set(key, answer(), clock.nowMs());
    }
    if (isAsked) await notModified(c, () => Promise.resolve());
  };

  /** Gives JSON its headers; what makes it an answer to keep, or `null` where the answer is something else. */
  async function tagged(c: Context): Promise<(() => KeptAnswer) | null> {
    const type = c.res.headers.get("content-type");
    if (c.res.status !== 200 || type !== FORMATS.json) return null;
    const bytes = new Uint8Array(await c.res.arrayBuffer());
    c.res = new Response(bytes, c.res);
    // Not left to hono, which would read the answer once more.
    const etag = `"${hash("sha256", bytes, "base64url").slice(0, 22)}"`;
    c.header("ETag", etag);
    tellLength(c, bytes.length);
    if (c.get("isFinal")) c.header("Cache-Control", forEver);
    const headers = { "content-type": type, etag, "cache-control": forEver, vary: "Accept" };
    const textOf = () => new TextDecoder().decode(bytes);
    return () => ({ text: textOf(), length: bytes.length, headers, route: routePath(c, -1) });
  }
}

/** Where there are no bytes to count, nobody else can say how many a GET would bring. */
function tellLength(c: Context, byteCount: number): void {
  if (c.req.method === "HEAD") c.header("Content-Length", `${byteCount}`);
}

/** Path and parameters, whatever their order; `null` where the answer is not JSON, or not asked for. */
function keyOf(c: Context): string | null {
  if (c.req.method !== "GET" && c.req.method !== "HEAD") return null;
  if (!c.req.path.startsWith("/v1/") || wantedFormat(c) !== "json") return null;
  return keyOfUrl(c.req.url);
}

/** The key of a URL's answer in JSON; `null` where it asks for nothing that is kept. */
export function keyOfUrl(url: string): string | null {
  const pathAt = url.indexOf("/", url.indexOf("//") + 2);
  const at = url.indexOf("?", pathAt);
  if (at === -1 || !url.startsWith("/v1/", pathAt)) return null;
  return `${url.slice(pathAt, at)}?${url.slice(at + 1).split("&").sort().join("&")}`;
}
