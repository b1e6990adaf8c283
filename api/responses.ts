/**
 * What routes answer, for the API's description.
 *
 * @module
 */
import { type RouteConfig, z } from "@hono/zod-openapi";
import { TITLES } from "./problem.ts";

/** What a problem says. */
export const problemSchema = z.object({
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
  401: "Tokens are configured, and the request bears none of them.",
  403: "This takes a token, and none is configured.",
  404: "There is no such thing here.",
  406: "`Accept` takes no format that this list has.",
  413: "The request has a body, and none is read here.",
  414: "The URL is longer than the API reads.",
  429: "The client has asked too often; `Retry-After` says when it may again.",
  500: "The API failed; `instance` is in its log.",
  503:
    "No answer now: not ready, too much asked at once, or not done within the time limit. Try again later.",
} as const;

const TAG_HEADERS = {
  "ETag": textHeader("Of the bytes of JSON; `If-None-Match` asks whether they are still the same."),
  "Cache-Control": textHeader(
    "`immutable` where no later sample can change the answer, else `no-cache`.",
  ),
};

/** What each says, for instance. */
const DETAILS: Readonly<Record<keyof typeof DESCRIPTIONS, string>> = {
  400: "limit must be a whole number from 1 to 10000",
  401:
    "A token is needed here: send Authorization: Bearer and the token that the operator gave you",
  403: "Messages of topics are shown to who has a token, and none is configured",
  404: "Topic samples has 6 partitions, numbered from 0",
  406:
    "Accept takes none of application/json, application/x-ndjson, text/csv, which are all there is",
  413: "No answer here takes a body: leave it out",
  414: "The URL is longer than 8000 characters",
  429:
    "More than 6000 requests a minute: ask again in 3 s, or for more at once, by limit or as NDJSON",
  500: "The API failed to answer; its log says why, under the id in instance",
  503: "The answer took too long: ask for less at once, by filters, times or limit",
};

function exampleOf(status: keyof typeof DESCRIPTIONS) {
  const detail = DETAILS[status];
  const errors = status === 400
    ? { errors: [{ parameter: "limit", detail: detail.replace("limit ", "") }] }
    : {};
  const instance = status === 500
    ? { instance: "urn:uuid:7c9e6679-7425-40de-944b-e07fc1f90ae7" }
    : {};
  return { type: "about:blank", title: TITLES[status], status, detail, ...instance, ...errors };
}

function textHeader(description: string) {
  return { description, schema: { type: "string" as const } };
}

const RETRY = { "Retry-After": textHeader("After how many seconds to ask again.") };

/** What an answer bears besides what all do. */
const HEADERS_OF: Readonly<Partial<Record<keyof typeof DESCRIPTIONS, typeof RETRY | object>>> = {
  401: { "WWW-Authenticate": textHeader("How a token is sent: by RFC 6750.") },
  429: {
    ...RETRY,
    "RateLimit": textHeader("What is left: `r` requests, all of them in `t` seconds."),
    "RateLimit-Policy": textHeader("`q` requests in `w` seconds."),
  },
  503: RETRY,
};

/** What any route may answer. */
const EVERYWHERE = [413, 414, 500] as const;

/** Documents what a route answers: this content, or one of these problems, or what any may answer. */
export function responsesOf(
  description: string,
  content: Readonly<Record<string, { schema: z.ZodType; example?: unknown }>>,
  problems: readonly (keyof typeof DESCRIPTIONS)[],
): RouteConfig["responses"] {
  const isTagged = "application/json" in content;
  return {
    200: { description, content, ...(isTagged && { headers: TAG_HEADERS }) },
    ...(isTagged &&
      { 304: { description: "The answer that `If-None-Match` names still stands." } }),
    ...Object.fromEntries([...problems, ...EVERYWHERE].map((status) => {
      const content = {
        "application/problem+json": { schema: problemSchema, example: exampleOf(status) },
      };
      return [status, { description: DESCRIPTIONS[status], headers: HEADERS_OF[status], content }];
    })),
  };
}
