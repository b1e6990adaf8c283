import { deepStrictEqual, match, strictEqual } from "node:assert";
import { outputOf } from "../tests/command_output.ts";
import { sourcesCommand } from "./sources.ts";

Deno.test("sources polls the simulated market where none is named", async () => {
  const { code, out, err } = await outputOf(sourcesCommand, [], { SIMULATED_MARKETS: "30" });
  deepStrictEqual([code, err], [0, ""]);
  match(out, /^source +outcome +markets .*\nsimulated +ok +30 +0 +0 +0 +\d+ +–\n$/);
});

Deno.test("sources tells what a source gave, and the credits it has left", async () => {
  const answer = {
    result: { "market:kraken:btcusd": 1.5, "market:kraken:deadusd": 0, "index:kraken:x": 7 },
    allowance: { cost: 0.015, remaining: 9.985, upgrade: "" },
    cursor: { last: "", hasMore: false },
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json(answer),
  );
  const settings = {
    SOURCES: "cryptowatch,simulated",
    CRYPTOWATCH_URL: `http://127.0.0.1:${server.addr.port}`,
  };
  const { code, out } = await outputOf(sourcesCommand, [], settings);
  strictEqual(code, 0);
  match(out, /^cryptowatch +ok +2 +1 +0 +0 +[\d,]+ +9\.985 \(0\.015 a poll/m);
  match(out, /^simulated +ok +\d+ /m);
});

Deno.test("sources ends with 1 where a source gives nothing, and says why", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("<html>", { headers: { "content-type": "text/html" } }),
  );
  const CRYPTOWATCH_URL = `http://127.0.0.1:${server.addr.port}`;
  const { code, out, err } = await outputOf(sourcesCommand, [], {
    SOURCES: "cryptowatch",
    CRYPTOWATCH_URL,
  });
  strictEqual(code, 1);
  match(out, /^cryptowatch +malformed +– /m);
  match(err, /^cryptowatch: .+\n/);
});
