/**
 * Who may ask for what. With tokens configured everything but a process's health, and the fixed files
 * of pages, is for who has one. Messages of topics are what users of the machine alone may see
 * without.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import type { ApiToken } from "../config/access.ts";
import { PAGE_PATHS } from "./page.ts";
import { RequestProblem } from "./problem.ts";
import type { Tokens } from "./tokens.ts";

/** Who may ask. */
export interface AccessConfig {
  /** Empty: everybody. */
  apiTokens: readonly ApiToken[];
}

/** Orchestrators ask for the first two; a browser cannot send a token with a page's address. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz", ...PAGE_PATHS]);

declare module "hono" {
  interface ContextVariableMap {
    /** The name of the token that the request bears; `null`: none that is known. */
    tokenName: string | null;
  }
}

/** Finds out whose token a request bears; refuses nothing. */
export function identifying(tokens: Tokens): MiddlewareHandler {
  return async (c, next) => {
    c.set("tokenName", tokens.areWanted ? tokens.nameOf(c.req.header("authorization")) : null);
    await next();
  };
}

/** Refuses who has no token, where tokens are configured. */
export function requiringToken({ apiTokens }: AccessConfig): MiddlewareHandler {
  return async (c, next) => {
    if (apiTokens.length > 0 && c.get("tokenName") === null && !OPEN_PATHS.has(c.req.path)) {
      throw unauthorized(c);
    }
    await next();
  };
}

function unauthorized(c: Context): RequestProblem {
  const isGiven = c.req.header("authorization") !== undefined;
  const challenge = 'Bearer realm="Data Tracker"';
  return new RequestProblem(401, {
    detail: isGiven
      ? "This token is not known here: send Authorization: Bearer and the token, unchanged"
      : "A token is needed here: send Authorization: Bearer and the token that the operator gave you",
    headers: {
      "www-authenticate": isGiven ? `${challenge}, error="invalid_token"` : challenge,
    },
  });
}

/** Refuses everybody where only tokens could let someone in, and there are none. */
export function guardingMessages(
  { apiTokens, topicMessages }: AccessConfig & { topicMessages: "open" | "token" },
): MiddlewareHandler {
  return async (_, next) => {
    if (topicMessages === "token" && apiTokens.length === 0) {
      throw new RequestProblem(403, {
        detail:
          "Messages of topics are shown to who has a token, and none is configured: make one " +
          "by `deno task token NAME` and set API_TOKENS, or TOPIC_MESSAGES=open where everybody " +
          "who reaches this address may read them",
      });
    }
    await next();
  };
}
