/**
 * Requests that no honest client sends, over a socket, on a real database: each is answered with a
 * clear problem, or is harmless. What breaks HTTP itself Deno refuses, with 400 and no more.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { connect } from "node:net";
import { systemClock } from "../adapters/system_clock.ts";
import { openSqliteStore } from "../adapters/sqlite/statistics_store.ts";
import { encodeCursor } from "./cursor.ts";
import { listen } from "../process/http_server.ts";
import { testApi, windowRecord } from "../tests/api_fixture.ts";

const CONFIG = { graceMs: 0, amendForMs: 0, partitionCount: 1, keepMs: null };

/** What a server answers to these bytes: status, headers and body. */
async function answerTo(port: number, request: string) {
  const socket = connect({ port, host: "127.0.0.1" });
  let text = "";
  const ended = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      text += chunk.toString();
      // Answers here have a length, and are short.
      const [head = "", body] = text.split("\r\n\r\n");
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (body !== undefined && new TextEncoder().encode(body).length >= Number(length)) resolve();
    });
    socket.on("close", resolve).on("error", resolve);
  });
  socket.write(request);
  await ended;
  socket.destroy();
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head: head.toLowerCase(), body };
}

function get(target: string, ...headers: string[]): string {
  return ["GET " + target + " HTTP/1.1", "Host: localhost", ...headers, "", ""].join("\r\n");
}

const LONG = "a".repeat(50_000);
const market = (exchange: string) => `/v1/markets?exchange=${encodeURIComponent(exchange)}`;

const cursor = (...place: unknown[]) => encodeCursor("notifications", ["startedAt", ...place]);
const SQL_CURSOR = cursor(0, "') OR 1=1 --");
const FAR_CURSOR = cursor(Number.MAX_SAFE_INTEGER, "x");
const NUL_CURSOR = cursor(0, "a\0b");

const REQUESTS: readonly [string, string, number, RegExp][] = [
  ["SQL in a filter", get(market("'OR(1)=(1);--")), 200, /"data":\[\]/],
  ["SQL with spaces", get(market("' OR 1=1 --")), 400, /exchange must be/],
  [
    "SQL in a rule",
    get(`/v1/notifications?rule=${encodeURIComponent("'OR(1)=(1);--")}`),
    200,
    /\[\]/,
  ],
  ["SQL in a state", get("/v1/notifications?state=firing%27--"), 400, /state must be/],
  ["SQL in an order", get("/v1/notifications?sort=id%3BDROP"), 400, /sort must be/],
  ["a cursor with SQL in it", get(`/v1/notifications?cursor=${SQL_CURSOR}`), 200, /"data":\[\]/],
  ["a cursor beyond all", get(`/v1/notifications?cursor=${FAR_CURSOR}`), 200, /"data":\[\]/],
  ["a cursor with a NUL", get(`/v1/notifications?cursor=${NUL_CURSOR}`), 400, /cursor is not/],
  ["a cursor of another list", get(`/v1/markets?cursor=${FAR_CURSOR}`), 400, /cursor is not/],
  ["a kind of a prototype", get("/v1/notifications?kind=constructor"), 400, /kind must be/],
  ["a wildcard of SQL", get(market("%")), 200, /"data":\[\]/],
  ["SQL in a time", get("/v1/statistics?from=0%27--"), 400, /from must be/],
  ["SQL in a cursor", get("/v1/markets?cursor=%27--"), 400, /cursor is not/],
  ["a NUL", get(market("a\0b")), 400, /exchange must be/],
  ["half a character", get("/v1/markets?exchange=%F0%9F"), 200, /"data":\[\]/],
  ["a stray percent", get("/v1/markets?exchange=%"), 200, /"data":\[\]/],
  ["a stray percent in the path", get("/v1/markets%"), 404, /There is no/],
  ["a path that climbs", get("/../../etc/passwd"), 404, /There is no/],
  ["a path that climbs from a file", get("/page/../../etc/passwd"), 404, /There is no/],
  ["one that hides it", get("/page/..%2f..%2fetc%2fpasswd"), 404, /There is no/],
  ["one that hides it well", get("/page/%2e%2e%5c%2e%2e%5cetc"), 404, /There is no/],
  ["a topic that climbs", get("/v1/topics/..%2f..%2fsecrets/messages"), 404, /topic must be/],
  ["a prototype", get("/v1/topics/__proto__/messages"), 404, /topic must be/],
  ["a parameter of a prototype", get("/v1/markets?constructor=1"), 400, /not a parameter/],
  ["a number beyond all", get(`/v1/markets?limit=${"9".repeat(400)}`), 400, /limit must be/],
  ["a time beyond all", get("/v1/statistics?from=999999999999999"), 200, /"data":\[\]/],
  ["a long URL", get(`/v1/markets?exchange=${LONG}`), 414, /longer than 8000/],
  ["a long cursor", get(`/v1/markets?cursor=${"a".repeat(7000)}`), 400, /cursor is not/],
  ["many parameters", get(`/v1/markets?${"a=1&".repeat(1500)}`), 400, /not a parameter/],
  ["a long Accept", get("/v1/markets", `Accept: ${LONG}`), 406, /takes none/],
  ["many kinds accepted", get("/v1/markets", `Accept: ${"a/b,".repeat(9999)}`), 406, /takes none/],
  ["many tags", get("/v1/markets", `If-None-Match: ${'"a",'.repeat(9999)}`), 200, /kraken/],
  ["a long token", get("/v1/markets", `Authorization: Bearer ${LONG}`), 200, /kraken/],
  ["a body", get("/v1/markets", "Content-Length: 5") + "hello", 413, /leave it out/],
  [
    "a body in pieces",
    get("/v1/markets", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n",
    413,
    /leave it out/,
  ],
  ["a body that never comes", get("/v1/markets", "Content-Length: 999999999"), 413, /leave it out/],
  ["another method in a header", get("/v1/markets", "X-HTTP-Method-Override: PUT"), 200, /kraken/],
  ["another path in a header", get("/v1/markets", "X-Original-URL: /metrics"), 200, /kraken/],
  ["another host", get("http://evil.example/v1/markets"), 200, /kraken/],
  ["a host that is none", "GET /nope HTTP/1.1\r\nHost: a b<>\r\n\r\n", 404, /There is no/],
  ["no host", "GET /v1/markets HTTP/1.1\r\n\r\n", 200, /kraken/],
  ["a part of an answer", get("/v1/markets", "Range: bytes=0-3"), 200, /kraken/],
  ["another protocol", get("/v1/markets", "Connection: Upgrade", "Upgrade: websocket"), 200, /kr/],
  ["a method of its own", "BREW /v1/markets HTTP/1.1\r\nHost: x\r\n\r\n", 405, /BREW is not/],
  ["a proxy's method", "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 404, /There is no/],
  ["no path at all", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, /There is no/],
];

Deno.test("what no honest client sends is answered clearly, and harms nothing", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    using store = await openSqliteStore(`${folder}/statistics.db`, CONFIG);
    await store.writeStatistics([windowRecord("kraken:btcusd", 0, [1])]);
    const app = testApi({ queries: store });
    const address = { host: "127.0.0.1", port: 0 };
    const handler = (request: Request) => app.fetch(request);
    await using server = listen(handler, address, systemClock);
    const port = Number(new URL(server.url).port);
    for (const [name, request, expected, said] of REQUESTS) {
      await t.step(`${name}: ${expected}`, async () => {
        const { status, head, body } = await answerTo(port, request);
        strictEqual(status, expected, body);
        match(head, /content-security-policy: default-src 'none'/);
        ok(body.length < 100_000);
        if (status === 200) match(body, said);
        else {
          match(head, /content-type: application\/problem\+json/);
          const problem = JSON.parse(body);
          strictEqual(problem.status, expected);
          match(problem.detail, said);
        }
      });
    }
    await t.step("what is no HTTP is refused by Deno", async () => {
      const host = "Host: x\r\n";
      for (
        const request of [
          `GET /v1/markets HTTP/1.1\r\n${host}Host: y\r\n\r\n`,
          `GET /v1/markets HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`,
          `GET /v1/markets HTTP/1.1\r\n${host}X: ${"a".repeat(100_000)}\r\n\r\n`,
          `GET /v1/markets HTTP/1.1\r\n${host}${"X: a\r\n".repeat(500)}\r\n`,
          `GET /${"a".repeat(100_000)} HTTP/1.1\r\n${host}\r\n`,
          `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
          `POST / HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
        ]
      ) strictEqual((await answerTo(port, request)).status, 400, request.slice(0, 60));
    });
    const { data } = await (await fetch(`${server.url}/v1/markets`)).json();
    deepStrictEqual(data.map((row: { exchange: string }) => row.exchange), ["kraken"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
