import { deepStrictEqual, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { emptyStore, HOUR_MS } from "../tests/api_fixture.ts";
import { systemClock } from "../adapters/system_clock.ts";
import { createApiRole } from "./role.ts";

Deno.test("the role answers while it runs, and gives its place back", async () => {
  const mounted: ((request: Request) => Response | Promise<Response>)[] = [];
  const server = {
    url: "http://127.0.0.1:1",
    mount(answer: typeof mounted[number]) {
      mounted.push(answer);
      return { [Symbol.asyncDispose]: () => Promise.resolve(void mounted.pop()) };
    },
  };
  const role = createApiRole({
    server,
    queries: emptyStore(),
    clock: systemClock,
    health: () => Promise.resolve({}),
    registry: new Registry(),
    version: "0.0.0",
    simulated: true,
  }, {
    corsOrigins: [],
    apiTokens: [],
    topicMessages: "open",
    rateLimitPerMinute: 0,
    windowSizeMs: HOUR_MS,
  });
  deepStrictEqual(role.health(), { ready: false, problems: ["it does not serve"] });
  const stop = new AbortController();
  const running = role.run(stop.signal);
  deepStrictEqual(role.health(), { ready: true, problems: [] });
  const response = await mounted[0]!(new Request(`${server.url}/v1/markets`));
  deepStrictEqual(await response.json(), { data: [], nextCursor: null });
  stop.abort();
  await running;
  strictEqual(mounted.length, 0);
  strictEqual(role.health().ready, false);
});
