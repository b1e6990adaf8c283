/**
 * The API served at a host and port.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../ports/clock.ts";
import type { Role } from "../ports/role.ts";
import { type ApiConfig, type ApiDeps, createApi } from "./app.ts";

/** Where to serve. */
export interface ServeConfig extends ApiConfig {
  host: string;
  /** 0 for any free one. */
  port: number;
}

/** The role, and where it listens. */
export interface ApiRole extends Role {
  /** Where it listens, as a URL; `null` while it does not. */
  url(): string | null;
}

/** How long answers under way may take once the role is to stop: leaves half of the 8 s for the other roles. */
const DRAIN_TIME_MAX_MS = 3000;

const logger = getLogger(["data-tracker", "api"]);

/** Makes the role that serves the API. */
export function createApiRole(deps: ApiDeps & { clock: Clock }, config: ServeConfig): ApiRole {
  const app = createApi(deps, config);
  let url: string | null = null;
  return {
    name: "api",
    async run(signal) {
      const service = listen((request) => app.fetch(request), config);
      url = service.url;
      logger.info("The API listens at {url}", { url });
      try {
        await aborted(signal);
      } finally {
        url = null;
        await service.close(deps.clock);
      }
    },
    health: () => ({ ready: url !== null, problems: url === null ? ["it does not listen"] : [] }),
    url: () => url,
  };
}

interface Service {
  url: string;
  /** Lets the answers under way end, for a while, then cuts all connections. */
  close(clock: Clock): Promise<void>;
}

/** @throws {Error} Where the address cannot be had; it says which setting to change. */
function listen(
  answer: (request: Request) => Response | Promise<Response>,
  config: { host: string; port: number },
): Service {
  const { host: hostname, port } = config;
  let answerCount = 0;
  let closing: PromiseWithResolvers<void> | null = null;
  const ended = () => {
    answerCount--;
    if (answerCount === 0) closing?.resolve();
  };
  const stop = new AbortController();
  const options = { hostname, port, signal: stop.signal, onListen() {}, onError: unforeseen };
  const server = asked(config, () =>
    Deno.serve(options, (request, info) => {
      if (closing !== null) return new Response(null, { status: 503, headers: CLOSE });
      answerCount++;
      info.completed.then(ended, ended);
      return answer(request);
    }));
  const { addr } = server;
  return {
    url: `http://${
      addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname
    }:${addr.port}`,
    async close(clock) {
      closing = Promise.withResolvers();
      const drained = new AbortController();
      if (answerCount > 0) {
        // Not server.shutdown(): it waits for open streams without end and cannot be cut short.
        await Promise.race([closing.promise, clock.sleep(DRAIN_TIME_MAX_MS, drained.signal)]);
      }
      drained.abort();
      stop.abort();
      await server.finished;
    },
  };
}

const CLOSE = { connection: "close", "retry-after": "10" };

/** Nothing gets here that app.onError could answer; what does must not reach the client. */
function unforeseen(error: unknown): Response {
  logger.error("A request failed: {error}", { error });
  return new Response(null, { status: 500 });
}

/** Calls `serve`, and words its failure for whoever chose the address. */
function asked<Server>(
  { host, port }: { host: string; port: number },
  serve: () => Server,
): Server {
  try {
    return serve();
  } catch (cause) {
    const message = cause instanceof Deno.errors.AddrInUse
      ? `PORT: ${port} is in use by another program; set PORT to a free one`
      : cause instanceof Deno.errors.PermissionDenied
      ? `PORT: ${port} may not be listened at by this user; set PORT to one above 1023`
      : `HOST: cannot listen at ${host}:${port} (${
        (cause as Error).message
      }); set HOST to an address of this machine`;
    throw new Error(message, { cause });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
