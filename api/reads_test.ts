import { deepStrictEqual, match, strictEqual } from "node:assert";
import { emptyStore, storeWith, testApi } from "../tests/api_fixture.ts";

/** An API whose store answers `/v1/markets` only when it is let. */
function slowApi(config: { readCountMax: number; requestTimeMaxMs?: number }) {
  const waiting: (() => void)[] = [];
  const queries = storeWith(emptyStore(), {
    markets: () => new Promise<[]>((resolve) => waiting.push(() => resolve([]))),
  });
  return { app: testApi({ queries }, config), waiting };
}

Deno.test("one read too many is refused with a time to try again, and what is no read is answered", async () => {
  const { app, waiting } = slowApi({ readCountMax: 2 });
  const answers = [app.request("/v1/markets"), app.request("/v1/markets")];
  const refused = await app.request("/v1/sources");
  deepStrictEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  strictEqual(refused.headers.get("content-type"), "application/problem+json");
  match((await refused.json()).detail, /2 answers are being read/);
  strictEqual((await app.request("/healthz")).status, 200);
  for (const answer of waiting) answer();
  for (const answer of answers) strictEqual((await answer).status, 200);
  strictEqual((await app.request("/v1/sources")).status, 200);
});

Deno.test("a read that took too long keeps its place until it ends", async () => {
  const { app, waiting } = slowApi({ readCountMax: 1, requestTimeMaxMs: 5 });
  match((await (await app.request("/v1/markets")).json()).detail, /took too long/);
  match((await (await app.request("/v1/sources")).json()).detail, /1 answers are being read/);
  waiting[0]!();
  await Promise.resolve();
  while ((await app.request("/v1/sources")).status !== 200) await Promise.resolve();
});
