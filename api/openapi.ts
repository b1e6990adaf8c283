/**
 * The API's description, made from the schemas that check requests.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";

const DESCRIPTION = `Exact hourly statistics of every market that is polled.

Lists answer \`{"data": […], "nextCursor": "…" | null}\`, ascending. Time ranges are half-open,
\`[from, to)\`. Times come in as ISO 8601 with an offset or as milliseconds since 1970, and go out as
ISO 8601 in UTC. Errors are RFC 9457 problems; any method but GET and HEAD is answered with 405 and
\`Allow\`.`;

/** The OpenAPI 3.1 document of all routes that `app` has. */
export function apiDocument(
  app: OpenAPIHono,
  version: string,
): ReturnType<OpenAPIHono["getOpenAPI31Document"]> {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Data Tracker",
      version,
      description: DESCRIPTION,
      license: { name: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "statistics", description: "What markets did" },
      { name: "operation", description: "What the program does" },
    ],
  });
}
