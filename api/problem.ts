/**
 * What the API answers where it has no answer: RFC 9457, `application/problem+json`.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";

/** Titles, as RFC 9110 has them: the type is `about:blank`, which says that the status says it all. */
export const TITLES = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  413: "Content Too Large",
  414: "URI Too Long",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

/** A status that the API answers problems with. */
export type ProblemStatus = keyof typeof TITLES;

/** One parameter that is wrong, and why. */
export interface ParameterError {
  parameter: string;
  detail: string;
}

/** What a problem says beside its status. */
export interface ProblemOptions {
  /** What is wrong and what to do, in words. */
  detail: string;
  errors?: readonly ParameterError[];
  /** Names this one occurrence, so that it can be found in the log. */
  instance?: string;
  /** Roles that are not ready, and why. */
  roles?: Readonly<Record<string, { ready: boolean; problems: readonly string[] }>>;
  headers?: Readonly<Record<string, string>>;
}

/** Thrown by a handler whose request cannot be answered. */
export class RequestProblem extends HTTPException {
  override name = "RequestProblem";
  constructor(override readonly status: ProblemStatus, readonly options: ProblemOptions) {
    super(status, { message: options.detail });
  }
}

/** A request whose parameter is wrong: `400`. */
export function badParameter(parameter: string, detail: string): RequestProblem {
  return new RequestProblem(400, {
    detail: `${parameter} ${detail}`,
    errors: [{ parameter, detail }],
  });
}

/** Answers with a problem. */
export function problem(c: Context, status: ProblemStatus, options: ProblemOptions): Response {
  const { detail, instance, errors, roles, headers } = options;
  const title = TITLES[status];
  return c.body(
    JSON.stringify({ type: "about:blank", title, status, detail, instance, errors, roles }),
    status,
    { "content-type": "application/problem+json", ...headers },
  );
}

/**
 * Answers a request whose parameters failed their schema: a path that names nothing is `404`, all
 * else `400`. Fits zod-openapi's `defaultHook`.
 */
export function refuseInvalid(
  result:
    & { target: string; data?: unknown }
    & ({ success: true } | { success: false; error: z.ZodError }),
  c: Context,
): Response | undefined {
  if (result.success) return undefined;
  const given = result.data as Readonly<Record<string, unknown>>;
  const errors = result.error.issues.flatMap((issue) => explain(issue, given));
  const detail = errors.map((error) => `${error.parameter} ${error.detail}`).join("; ");
  return problem(c, result.target === "param" ? 404 : 400, { detail, errors });
}

function explain(
  issue: z.core.$ZodIssue,
  given: Readonly<Record<string, unknown>>,
): ParameterError[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((parameter) => ({ parameter, detail: issue.message }));
  }
  const parameter = String(issue.path[0]);
  // A parameter that may be given again says itself what is wrong with it.
  const isRepeated = Array.isArray(given[parameter]) && issue.code !== "custom";
  const detail = isRepeated ? "is given more than once" : issue.message;
  return [{ parameter, detail }];
}
