import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { Hono } from "hono";
import { systemClock } from "../adapters/system_clock.ts";
import { listen } from "../process/http_server.ts";
import { RequestProblem } from "./problem.ts";
import { answerRows, type Streams } from "./row_stream.ts";
import { Slots } from "./slots.ts";

/** Rows 0, 1, 2, … to `rowCount`, and how many were read so far. */
function numbers(rowCount: number) {
  const read = { rowCount: 0 };
  return {
    read: (limit: number, place = -1) => {
      const count = Math.min(limit + 1, rowCount - place - 1);
      read.rowCount = Math.max(read.rowCount, place + 1 + count);
      return Promise.resolve(Array.from({ length: count }, (_, i) => place + 1 + i));
    },
    place: (row: number) => row,
    line: (row: number) => `${row}\n`,
    progress: read,
  };
}

function appOf(
  pages: Omit<ReturnType<typeof numbers>, "progress">,
  { limit = Infinity, streams = streamsOf(1) }: { limit?: number; streams?: Streams } = {},
): Hono {
  const app = new Hono();
  const text = { contentType: "text/plain", head: "" };
  app.get("/", (c) => answerRows(c, text, pages, { place: undefined, limit }, streams));
  app.onError((error, c) => {
    if (!(error instanceof RequestProblem)) throw error;
    return c.text(error.options.detail, error.status, error.options.headers);
  });
  return app;
}

function streamsOf(countMax: number, idleTimeMaxMs = 60_000): Streams {
  return { slots: new Slots(countMax), idleTimeMaxMs };
}

Deno.test("rows come whole and in order, over pages of any number", async () => {
  for (const [rowCount, limit] of [[0], [1], [999], [1000], [1001], [2000], [3500], [3500, 2000]]) {
    const app = appOf(numbers(rowCount!), { limit: limit ?? Infinity });
    const lines = (await (await app.request("/")).text()).split("\n").slice(0, -1);
    deepStrictEqual(lines, Array.from({ length: limit ?? rowCount! }, (_, i) => `${i}`));
  }
});

Deno.test("a page is read only when the one before was taken, and none after the client has gone", async () => {
  const pages = numbers(1_000_000);
  const streams = streamsOf(1);
  const response = await appOf(pages, { streams }).request("/");
  strictEqual(pages.progress.rowCount, 1001);
  const reader = response.body!.getReader();
  await reader.read();
  strictEqual(pages.progress.rowCount, 1001);
  await reader.read();
  strictEqual(pages.progress.rowCount, 2001);
  strictEqual(streams.slots.takenCount, 1);
  await reader.cancel();
  strictEqual(pages.progress.rowCount, 2001);
  strictEqual(streams.slots.takenCount, 0);
});

Deno.test("a client that hangs up over a socket ends the reading, however much there is", async () => {
  const pages = numbers(1_000_000_000);
  const streams = streamsOf(1);
  const app = appOf(pages, { streams });
  const address = { host: "127.0.0.1", port: 0 };
  await using server = listen((request) => app.fetch(request), address, systemClock);
  const stop = new AbortController();
  const response = await fetch(server.url, { signal: stop.signal });
  await response.body!.getReader().read();
  stop.abort();
  while (streams.slots.takenCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  ok(pages.progress.rowCount < 1_000_000_000);
});

Deno.test("as many as may be are under way; one more is refused with a time to try again", async () => {
  const streams = streamsOf(2);
  const app = appOf(numbers(5000), { streams });
  const first = await app.request("/");
  const second = await app.request("/");
  const third = await app.request("/");
  deepStrictEqual([third.status, third.headers.get("retry-after")], [503, "10"]);
  match(await third.text(), /2 long answers are under way/);
  await first.text();
  strictEqual((await app.request("/", { method: "HEAD" })).status, 200);
  strictEqual(streams.slots.takenCount, 1);
  await second.body?.cancel();
  strictEqual(streams.slots.takenCount, 0);
});

Deno.test("who reads nothing for too long is cut off, whether it began or not", async () => {
  const streams = streamsOf(2, 5);
  const app = appOf(numbers(5000), { streams });
  const never = await app.request("/");
  const stalled = (await app.request("/")).body!.getReader();
  await stalled.read();
  while (streams.slots.takenCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await rejects(never.text(), /Nothing was read for 5 ms/);
  await rejects(stalled.read(), /Nothing was read for 5 ms/);
});

Deno.test("an answer that fails half way is cut off, not ended", async () => {
  const { read, ...pages } = numbers(5000);
  const streams = streamsOf(1);
  const failing = (limit: number, place?: number) =>
    (place ?? 0) > 1500 ? Promise.reject(new Error("the disk")) : read(limit, place);
  const app = appOf({ ...pages, read: failing }, { streams });
  await rejects((await app.request("/")).text(), /the disk/);
  strictEqual(streams.slots.takenCount, 0);
});
