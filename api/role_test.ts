import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { systemClock } from "../adapters/system_clock.ts";
import type { StatisticsQueries } from "../ports/statistics_store.ts";
import { emptyStore, HOUR_MS } from "../tests/api_fixture.ts";
import { type ApiRole, createApiRole } from "./role.ts";

const CONFIG = { host: "127.0.0.1", port: 0, corsOrigins: [], windowSizeMs: HOUR_MS };

function roleOf(queries: StatisticsQueries, config = CONFIG, clock = systemClock): ApiRole {
  return createApiRole({
    queries,
    clock,
    health: () => ({}),
    registry: new Registry(),
    version: "0.0.0",
    simulated: true,
  }, config);
}

/** Runs the role while `work` goes on, and stops it. */
async function whileRunning(role: ApiRole, work: (url: string) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const running = role.run(stop.signal);
  try {
    await work(role.url()!);
  } finally {
    stop.abort();
    await running;
  }
}

Deno.test("the role serves until it is stopped", async () => {
  const role = roleOf(emptyStore());
  deepStrictEqual(role.health(), { ready: false, problems: ["it does not listen"] });
  let base = "";
  await whileRunning(role, async (url) => {
    base = url;
    deepStrictEqual(role.health(), { ready: true, problems: [] });
    const response = await fetch(`${url}/v1/markets`);
    deepStrictEqual(await response.json(), { data: [], nextCursor: null });
  });
  strictEqual(role.health().ready, false);
  await rejects(fetch(`${base}/healthz`), TypeError);
});

Deno.test("a port in use is named, with what to do", async () => {
  await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response();
  });
  const { port } = other.addr;
  await rejects(roleOf(emptyStore(), { ...CONFIG, port }).run(new AbortController().signal), {
    message: `PORT: ${port} is in use by another program; set PORT to a free one`,
  });
});

Deno.test("an address of another machine is named, with what to do", async () => {
  await rejects(
    roleOf(emptyStore(), { ...CONFIG, host: "192.0.2.1" }).run(new AbortController().signal),
    /^Error: HOST: cannot listen at 192\.0\.2\.1:0 .* set HOST to an address of this machine$/,
  );
});

Deno.test("a stop lets the answer under way end", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<[]>();
  const markets = () => {
    asked.resolve();
    return answer.promise;
  };
  const role = roleOf(Object.assign(emptyStore(), { markets }));
  const stop = new AbortController();
  const running = role.run(stop.signal);
  const response = fetch(`${role.url()}/v1/markets`);
  await asked.promise;
  stop.abort();
  answer.resolve([]);
  strictEqual((await response).status, 200);
  await (await response).body?.cancel();
  await running;
});

Deno.test("a stop cuts what does not end, and idle connections, after a while", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<[]>();
  const markets = () => {
    asked.resolve();
    return answer.promise;
  };
  let waitedMs = 0;
  const clock = {
    nowMs: systemClock.nowMs,
    sleep: (durationMs: number) => {
      waitedMs = durationMs;
      return Promise.resolve();
    },
  };
  const role = roleOf(Object.assign(emptyStore(), { markets }), CONFIG, clock);
  const stop = new AbortController();
  const running = role.run(stop.signal);
  const { hostname, port } = new URL(role.url()!);
  using idle = await Deno.connect({ hostname, port: Number(port) });
  const response = fetch(`${role.url()}/v1/markets`);
  const cut = rejects(response, TypeError);
  await asked.promise;
  stop.abort();
  await running;
  await cut;
  strictEqual(await idle.read(new Uint8Array(1)), null);
  ok(waitedMs > 0 && waitedMs < 8000);
  answer.resolve([]);
});

Deno.test("a large upload is answered without being read", async () => {
  await whileRunning(roleOf(emptyStore()), async (url) => {
    const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const response = await fetch(`${url}/v1/markets`, { method: "POST", body: endless });
    strictEqual(response.status, 405);
    match((await response.json()).detail, /POST is not possible here/);
  });
});
