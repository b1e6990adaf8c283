import { deepStrictEqual, match, strictEqual } from "node:assert";
import { testApi } from "../tests/api_fixture.ts";
import { networkOf, type Peer } from "./client.ts";
import { hashToken } from "./tokens.ts";

const PATH = "/v1/markets";

/** An API that takes so many requests a minute, asked from addresses and at times. */
function limited(rateLimitPerMinute: number, apiTokens: string[] = []) {
  let nowMs = Date.UTC(2018, 3, 5);
  const app = testApi({ clock: { nowMs: () => nowMs } }, {
    rateLimitPerMinute,
    apiTokens: apiTokens.map((token) => ({ name: `of-${token}`, sha256: hashToken(token) })),
  });
  return {
    pass: (durationMs: number) => void (nowMs += durationMs),
    async ask(hostname: string, { path = PATH, headers = {} } = {}) {
      const peer: Peer = { remoteAddr: { hostname } };
      const response = await app.request(path, { headers }, peer);
      const body = await response.text();
      return { status: response.status, headers: response.headers, body };
    },
  };
}

Deno.test("a client that asks too often is told when to ask again, and how much is left before that", async () => {
  const { ask, pass } = limited(3);
  for (const left of [2, 1, 0]) {
    const { status, headers } = await ask("192.0.2.1");
    strictEqual(status, 200);
    strictEqual(headers.get("ratelimit-policy"), '"client";q=3;w=60');
    strictEqual(headers.get("ratelimit"), `"client";r=${left};t=${(3 - left) * 20}`);
  }
  const { status, headers, body } = await ask("192.0.2.1");
  strictEqual(status, 429);
  strictEqual(headers.get("retry-after"), "20");
  strictEqual(headers.get("ratelimit"), '"client";r=0;t=60');
  strictEqual(headers.get("content-type"), "application/problem+json");
  match(JSON.parse(body).detail, /More than 3 requests a minute: ask again in 20 s/);
  strictEqual((await ask("192.0.2.2")).status, 200);
  pass(20_000);
  strictEqual((await ask("192.0.2.1")).status, 200);
  strictEqual((await ask("192.0.2.1")).status, 429);
});

Deno.test("health and metrics are never limited, all else is, even what does not exist", async () => {
  const { ask } = limited(1);
  strictEqual((await ask("192.0.2.1", { path: "/nope" })).status, 404);
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    const { status, headers } = await ask("192.0.2.1", { path });
    deepStrictEqual([status, headers.get("ratelimit")], [200, null]);
  }
  strictEqual((await ask("192.0.2.1", { path: "/" })).status, 429);
});

Deno.test("headers about addresses change nothing", async () => {
  const { ask } = limited(1);
  const statuses = [];
  for (const name of ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"]) {
    statuses.push((await ask("192.0.2.1", { headers: { [name]: "198.51.100.9" } })).status);
  }
  deepStrictEqual(statuses, [200, 429, 429, 429]);
});

Deno.test("a token counts for itself, wherever it is used; wrong ones count for the address", async () => {
  const { ask } = limited(1, ["a", "b"]);
  const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  strictEqual((await ask("192.0.2.1", as("a"))).status, 200);
  strictEqual((await ask("192.0.2.2", as("a"))).status, 429);
  strictEqual((await ask("192.0.2.1", as("b"))).status, 200);
  strictEqual((await ask("192.0.2.1", as("guess"))).status, 401);
  strictEqual((await ask("192.0.2.1", as("guess again"))).status, 429);
});

Deno.test("a rate of 0 limits nothing, and says nothing", async () => {
  const { ask } = limited(0);
  for (let i = 0; i < 20; i++) {
    const { status, headers } = await ask("192.0.2.1");
    deepStrictEqual([status, headers.get("ratelimit")], [200, null]);
  }
});

Deno.test("an answer that has not changed tells what is left, too", async () => {
  const { ask } = limited(5);
  const tag = (await ask("192.0.2.1")).headers.get("etag")!;
  const { status, headers } = await ask("192.0.2.1", { headers: { "if-none-match": tag } });
  deepStrictEqual([status, headers.get("ratelimit")], [304, '"client";r=3;t=24']);
});

Deno.test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8::7", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0"],
  ["", ""],
])("%s is of the client %s", (address, network) => {
  strictEqual(networkOf(address), network);
});
