/**
 * The short way of what is asked for most: an answer that is kept as bytes, asked for plainly, is given
 * before a request is looked at any further. It passes the same guards, in fewer steps; whatever is
 * not that plain goes the long way.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { ByteCache, KeptAnswer } from "./byte_cache.ts";
import { clientNameOf, type Peer } from "./client.ts";
import { HEADERS, type Observe } from "./guard.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { Tokens } from "./tokens.ts";
import { keyOfUrl } from "./validation.ts";

/** What is needed. */
export interface KeptAnswersDeps {
  cache: ByteCache;
  clock: Pick<Clock, "nowMs">;
  tokens: Tokens;
  limit: RateLimit;
  observe: Observe;
}

/** Headers that ask for more than the answer. */
const DEMANDING = ["if-none-match", "cache-control", "content-length", "transfer-encoding"];

/** Accepts that mean JSON. */
const PLAIN_ACCEPTS: ReadonlySet<string | null> = new Set([null, "*/*", "application/json"]);

/** Makes what answers a request; `null`: it goes the long way. */
export function createKeptAnswers(
  { cache, clock, tokens, limit, observe }: KeptAnswersDeps,
): (request: Request, peer: Partial<Peer> | undefined) => Response | null {
  /** Made once for each answer: putting headers together takes longer than all else. */
  const headersOf = new WeakMap<KeptAnswer, Headers>();

  return (request, peer) => {
    if (request.method !== "GET") return null;
    const startedMs = performance.now();
    const key = keyOfUrl(request.url);
    const kept = key === null ? null : cache.get(key, clock.nowMs());
    if (kept === null) return null;
    const { headers: asked } = request;
    if (!PLAIN_ACCEPTS.has(asked.get("accept"))) return null;
    if (DEMANDING.some((name) => asked.get(name) !== null)) return null;
    const tokenName = tokens.areWanted
      ? tokens.nameOf(asked.get("authorization") ?? undefined)
      : null;
    if (tokens.areWanted && tokenName === null) return null;
    // Where it is not allowed nothing was taken, and the long way says so.
    const counted = limit === null ? null : limit(clientNameOf(tokenName, peer));
    if (counted?.isAllowed === false) return null;
    let headers = headersOf.get(kept);
    if (headers === undefined) {
      headers = new Headers([...HEADERS]);
      for (const [name, value] of Object.entries(kept.headers)) headers.set(name, value);
      if (counted !== null) headers.set("ratelimit-policy", counted.policy);
      headersOf.set(kept, headers);
    }
    // They are copied into the answer, at once.
    if (counted !== null) headers.set("ratelimit", counted.left);
    const answer = new Response(kept.text, { headers });
    observe(kept.route, 200, performance.now() - startedMs);
    return answer;
  };
}
