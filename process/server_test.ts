import { deepStrictEqual, match, strictEqual } from "node:assert";
import { hashToken } from "../api/tokens.ts";
import type { Role } from "../ports/role.ts";
import { openServer } from "./server.ts";

const CONFIG = { host: "127.0.0.1", port: 0, sources: [], apiTokens: [] };

function roleOf(name: string, problems: string[]): Role {
  const health = () => ({ ready: problems.length === 0, problems });
  return { name, health, run: () => Promise.resolve() };
}

async function statusAt(url: string): Promise<[number, string | undefined]> {
  const response = await fetch(url);
  return [response.status, (await response.json()).detail];
}

Deno.test("a process is alive from its start, ready when all its roles are, and not while it stops", async () => {
  const stop = new AbortController();
  await using server = openServer({ ...CONFIG, roles: ["aggregator", "writer"] }, stop.signal);
  const { url } = server;
  const starting = "aggregator: it is starting; writer: it is starting";
  deepStrictEqual(await statusAt(`${url}/readyz`), [503, starting]);
  deepStrictEqual(await statusAt(`${url}/healthz`), [200, undefined]);

  const problems = ["partition 3: the disk is full"];
  server.watch([roleOf("aggregator", []), roleOf("writer", problems)], {});
  deepStrictEqual(await statusAt(`${url}/readyz`), [503, `writer: ${problems[0]}`]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  match(metrics, /data_tracker_role_ready\{role="aggregator"\} 1/);
  match(metrics, /data_tracker_role_ready\{role="writer"\} 0/);
  problems.pop();
  deepStrictEqual(await statusAt(`${url}/readyz`), [200, undefined]);

  stop.abort();
  const stopping = "aggregator: it is stopping; writer: it is stopping";
  deepStrictEqual(await statusAt(`${url}/readyz`), [503, stopping]);
  strictEqual((await statusAt(`${url}/healthz`))[0], 200);
});

Deno.test("what is in a role's way makes it not ready", async () => {
  await using server = openServer({ ...CONFIG, roles: ["api"] }, new AbortController().signal);
  server.watch([roleOf("api", [])], { api: () => Promise.resolve(["the store is gone"]) });
  deepStrictEqual(await statusAt(`${server.url}/readyz`), [503, "api: the store is gone"]);
});

Deno.test("with tokens, a process without the API shows its metrics to who has one", async () => {
  const config = { ...CONFIG, apiTokens: [{ name: "alice", sha256: hashToken("sesame") }] };
  await using server = openServer({ ...config, roles: ["writer"] }, new AbortController().signal);
  const statusOf = async (path: string, headers = {}) => {
    const response = await fetch(`${server.url}${path}`, { headers });
    await response.body?.cancel();
    return response.status;
  };
  deepStrictEqual([await statusOf("/healthz"), await statusOf("/readyz")], [200, 503]);
  deepStrictEqual([await statusOf("/metrics"), await statusOf("/")], [401, 401]);
  strictEqual(await statusOf("/metrics", { authorization: "Bearer sesame" }), 200);
});

Deno.test("a path that is not served says whether it will be", async () => {
  const { signal } = new AbortController();
  await using api = openServer({ ...CONFIG, roles: ["api"] }, signal);
  const response = await fetch(`${api.url}/v1/markets`);
  deepStrictEqual([response.status, response.headers.get("retry-after")], [503, "2"]);
  await response.body?.cancel();
  await using sampler = openServer({ ...CONFIG, roles: ["sampler"] }, signal);
  const [status, detail] = await statusAt(`${sampler.url}/v1/markets`);
  strictEqual(status, 404);
  match(detail!, /this process does not run the API/);
});
