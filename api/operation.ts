/**
 * What an operator and their tools ask: `/healthz`, `/readyz`, `/metrics`, and `/` that says where all is.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Registry } from "prom-client";
import type { RoleHealth } from "../ports/role.ts";
import { problem } from "./problem.ts";
import { responsesOf } from "./responses.ts";

/** What these routes need. */
export interface OperationDeps {
  /** The state of every role of this process, by name. */
  health: () => Promise<Readonly<Record<string, RoleHealth>>>;
  registry: Registry;
  version: string;
  /** Whether the markets are made up. */
  simulated: boolean;
}

const livenessRoute = createRoute({
  method: "get",
  path: "/healthz",
  security: [],
  tags: ["operation"],
  summary: "Whether the process is alive",
  responses: responsesOf("Alive", {
    "application/json": {
      schema: z.object({ status: z.literal("alive") }),
      example: { status: "alive" },
    },
  }, []),
});

const readinessRoute = createRoute({
  method: "get",
  path: "/readyz",
  security: [],
  tags: ["operation"],
  summary: "Whether every role of the process does its work",
  responses: responsesOf("Ready", {
    "application/json": {
      schema: z.object({ status: z.literal("ready"), roles: z.array(z.string()) }),
      example: { status: "ready", roles: ["aggregator", "api"] },
    },
  }, [503]),
});

const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  tags: ["operation"],
  summary: "Metrics in Prometheus's text format",
  responses: responsesOf("Metrics", {
    "text/plain": {
      schema: z.string(),
      example: 'data_tracker_api_request_seconds_count{route="/v1/markets",status="200"} 3\n',
    },
  }, [401]),
});

const indexRoute = createRoute({
  method: "get",
  path: "/",
  tags: ["operation"],
  summary: "What is served here",
  responses: responsesOf("Name, version and links", {
    "application/json": {
      schema: z.object({
        name: z.string(),
        version: z.string(),
        simulated: z.boolean().openapi({ description: "Whether the markets are made up." }),
        links: z.array(z.string()),
      }),
      example: {
        name: "Data Tracker",
        version: "0.1.0",
        simulated: true,
        links: ["/v1/markets", "/openapi.json"],
      },
    },
  }, [401, 429]),
});

/** Adds the routes. */
export function routeOperation(app: OpenAPIHono, deps: OperationDeps): void {
  app.openapi(livenessRoute, (c) => c.json({ status: "alive" }, 200));
  app.openapi(readinessRoute, async (c) => {
    const roles = await deps.health();
    const failing = Object.entries(roles).filter(([, { ready }]) => !ready);
    if (failing.length === 0) {
      return c.json({ status: "ready", roles: Object.keys(roles) }, 200);
    }
    const detail = failing
      .map(([role, { problems }]) => `${role}: ${problems.join(", ") || "not ready"}`).join("; ");
    return problem(c, 503, { detail, roles });
  });
  app.openapi(metricsRoute, async (c) => {
    const text = await deps.registry.metrics();
    return c.body(text, 200, { "content-type": deps.registry.contentType });
  });
  app.openapi(indexRoute, (c) => {
    const links = app.routes
      .filter(({ method, path }) => method === "GET" && path !== "/")
      .map(({ path }) => path.replace(/:(\w+)/g, "{$1}"));
    const { version, simulated } = deps;
    return c.json({ name: "Data Tracker", version, simulated, links: [...new Set(links)] }, 200);
  });
}
