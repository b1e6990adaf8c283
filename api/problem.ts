/**
 * What the API answers where it has no answer: RFC 9457, `application/problem+json`.
 *
 * @module
 */
import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";

/** Titles, as RFC 9110 has them: the type is `about:blank`, which says that the status says it all. */
const TITLES = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  414: "URI Too Long",
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

const problemSchema = z.object({
  type: z.string().openapi({ example: "about:blank" }),
  title: z.string().openapi({ example: "Bad Request" }),
  status: z.int().openapi({ example: 400 }),
  detail: z.string().openapi({ example: "limit must be a whole number from 1 to 10000" }),
  instance: z.string().optional().openapi({
    description: "Names this occurrence; the log has more of it.",
  }),
  errors: z.array(z.object({
    parameter: z.string().openapi({ example: "limit" }),
    detail: z.string().openapi({ example: "must be a whole number from 1 to 10000" }),
  })).optional().openapi({ description: "Each parameter that is wrong." }),
  roles: z.record(z.string(), z.object({ ready: z.boolean(), problems: z.array(z.string()) }))
    .optional().openapi({ description: "What /readyz found." }),
}).openapi("Problem");

const DESCRIPTIONS = {
  400: "A parameter is wrong or unknown: `errors` names each.",
  404: "There is no such thing here.",
  414: "The URL is longer than the API reads.",
  500: "The API failed; `instance` is in its log.",
  503: "No answer now: not ready, or not done within the time limit. Try again later.",
} as const;

/** Documents what a route answers: this content, or one of these problems. */
export function responsesOf(
  description: string,
  content: Readonly<Record<string, { schema: z.ZodType; example?: unknown }>>,
  problems: readonly (keyof typeof DESCRIPTIONS)[],
): RouteConfig["responses"] {
  const problemContent = { "application/problem+json": { schema: problemSchema } };
  return {
    200: { description, content },
    ...Object.fromEntries(problems.map((status) => {
      return [status, { description: DESCRIPTIONS[status], content: problemContent }];
    })),
  };
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
  const detail = Array.isArray(given[parameter]) ? "is given more than once" : issue.message;
  return [{ parameter, detail }];
}
