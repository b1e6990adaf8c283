/**
 * The API's description, made from the schemas that check requests.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";

const DESCRIPTION = `Exact hourly statistics of every market that is polled.

Lists answer \`{"data": […], "nextCursor": "…" | null}\`, ascending unless sorted otherwise. Time
ranges are half-open, \`[from, to)\`. Times come in as ISO 8601 with an offset or as milliseconds since
1970, and go out as ISO 8601 in UTC. Filters take several values, by commas or given again, and
\`*\` for any run of characters. Markets, statistics and notifications come as NDJSON and CSV, too, by
\`Accept\`: then all rows of the range, unless \`limit\` is given or statistics are sorted, and no
\`nextCursor\`; an answer that was cut off does not end as HTTP wants. Errors are RFC 9457 problems; any
method but GET and HEAD is answered with 405 and \`Allow\`.`;

/** The OpenAPI 3.1 document of all routes that `app` has. */
export function apiDocument(
  app: OpenAPIHono,
  version: string,
): ReturnType<OpenAPIHono["getOpenAPI31Document"]> {
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "Where the operator has configured tokens; else nothing is needed.",
  });
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Data Tracker",
      version,
      description: DESCRIPTION,
      license: { name: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }, {}],
    tags: [
      { name: "statistics", description: "What markets did" },
      { name: "notifications", description: "What rules found" },
      { name: "operation", description: "What the program does" },
    ],
  });
}
