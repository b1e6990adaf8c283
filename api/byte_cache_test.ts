import { ok, strictEqual } from "node:assert";
import { ByteCache } from "./byte_cache.ts";

function answer(byteCount: number) {
  return { text: "x".repeat(byteCount), length: byteCount, headers: {}, route: "/" };
}

Deno.test("an answer is kept for its time and no longer", () => {
  const cache = new ByteCache({ byteCountMax: 100_000, keepMs: 1000 });
  const kept = answer(10);
  cache.set("a", kept, 5000);
  strictEqual(cache.get("a", 5999)?.text, kept.text);
  strictEqual(cache.get("b", 5999), null);
  strictEqual(cache.get("a", 6000), null);
  strictEqual(cache.byteCount, 0);
});

Deno.test("room goes to what was asked for last", () => {
  const cache = new ByteCache({ byteCountMax: 32_000, keepMs: 1000 });
  for (let i = 0; i < 100; i++) {
    cache.set(`${i}`, answer(1400), 0);
    ok(cache.byteCount <= 32_000);
    ok(cache.get("0", 0), "it was asked for each time");
  }
  ok(cache.get("99", 0));
  strictEqual(cache.get("1", 0), null);
});

Deno.test("an answer that would crowd out others is not kept, nor the one that it replaces", () => {
  const cache = new ByteCache({ byteCountMax: 32_000, keepMs: 1000 });
  cache.set("a", answer(10), 0);
  cache.set("a", answer(2001), 0);
  strictEqual(cache.get("a", 0), null);
  strictEqual(cache.byteCount, 0);
});

Deno.test("setting an answer again counts it once", () => {
  const cache = new ByteCache({ byteCountMax: 32_000, keepMs: 1000 });
  for (let i = 0; i < 100; i++) cache.set("a", answer(1000), 0);
  ok(cache.byteCount < 2000);
});
