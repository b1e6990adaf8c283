/**
 * The API as a role of a process: it answers for as long as it runs.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Role } from "../ports/role.ts";
import { aborted } from "../signals.ts";
import { type ApiConfig, type ApiDeps, createApi } from "./app.ts";
import type { Peer } from "./client.ts";

/** What the role works with. */
export interface ApiRoleDeps extends ApiDeps {
  /** Where it is served. */
  server: {
    readonly url: string;
    /** Gives `answer` the requests, and who they come from, until the result is disposed of, which waits for answers under way. */
    mount(answer: (request: Request, peer?: Peer) => Response | Promise<Response>): AsyncDisposable;
  };
}

const logger = getLogger(["data-tracker", "api"]);

/** Makes the role that serves the API. */
export function createApiRole(deps: ApiRoleDeps, config: ApiConfig): Role {
  const streams = new AbortController();
  const app = createApi({ ...deps, stop: streams.signal }, config);
  let isServing = false;
  return {
    name: "api",
    async run(signal) {
      await using _mounted = deps.server.mount((request, peer) => app.fetch(request, peer));
      logger.info("The API listens at {url}", { url: deps.server.url });
      isServing = true;
      await aborted(signal);
      isServing = false;
      // Before answers under way are waited for: these would never end.
      streams.abort();
    },
    health: () => ({ ready: isServing, problems: isServing ? [] : ["it does not serve"] }),
  };
}
