/**
 * What every process serves, whatever its roles: whether it is alive and ready, and its metrics.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Gauge, Registry } from "prom-client";
import { createOperation } from "../api/app.ts";
import { systemClock } from "../adapters/system_clock.ts";
import type { Config } from "../config.ts";
import type { Role, RoleHealth } from "../ports/role.ts";
import { VERSION } from "../version.ts";
import { type HttpServer, listen } from "./http_server.ts";

/** The process's server; an API is mounted on it. */
export interface ProcessServer extends HttpServer {
  /** What `/metrics` shows. */
  readonly registry: Registry;
  /** What every role says of itself. */
  health(): Promise<Readonly<Record<string, RoleHealth>>>;
  /** From now on these answer for their health; before, the process is starting. */
  watch(roles: readonly Role[], furtherProblems: FurtherProblems): void;
}

/** What is in a role's way that it cannot know itself, by the role's name. */
export type FurtherProblems = Readonly<Record<string, () => Promise<readonly string[]>>>;

/**
 * Listens at the configured address, before anything else of the process is there.
 *
 * @param signal Aborts when the process is to stop: it is not ready from then on, and still alive.
 * @throws {Error} Where the address cannot be had; it says which setting to change.
 */
export function openServer(
  config: Pick<Config, "roles" | "host" | "port" | "sources" | "apiTokens">,
  signal: AbortSignal,
): ProcessServer {
  const registry = new Registry();
  let watched: { roles: readonly Role[]; further: FurtherProblems } | null = null;

  async function healthOf(role: Role): Promise<RoleHealth> {
    const { ready, problems } = role.health();
    const further = await watched?.further[role.name]?.() ?? [];
    return { ready: ready && further.length === 0, problems: [...problems, ...further] };
  }

  async function health(): Promise<Record<string, RoleHealth>> {
    if (watched === null || signal.aborted) {
      const problems = [signal.aborted ? "it is stopping" : "it is starting"];
      return Object.fromEntries(config.roles.map((name) => [name, { ready: false, problems }]));
    }
    const { roles } = watched;
    const healths = await Promise.all(roles.map(healthOf));
    return Object.fromEntries(roles.map(({ name }, i) => [name, healths[i]!]));
  }

  new Gauge({
    name: "data_tracker_role_ready",
    help: "Whether a role does its work (1) or not (0): /readyz says why",
    labelNames: ["role"],
    registers: [registry],
    async collect() {
      for (const [role, { ready }] of Object.entries(await health())) {
        this.set({ role }, Number(ready));
      }
    },
  });
  const simulated = config.sources.includes("simulated");
  const app = createOperation(
    { health, registry, version: VERSION, simulated },
    config,
    config.roles.includes("api"),
  );
  const server = listen((request, peer) => app.fetch(request, peer), config, systemClock);
  if (!config.roles.includes("api")) {
    getLogger(["data-tracker"]).info("Health and metrics at {url}", { url: server.url });
  }
  return {
    ...server,
    registry,
    health,
    watch: (roles, further) => watched = { roles, further },
  };
}
