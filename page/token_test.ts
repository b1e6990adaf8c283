import { deepStrictEqual, match, strictEqual } from "node:assert";
import { headersOf, keepToken, refusalOf, tokenProblem } from "./token.js";

/** What a browser's storage does here. */
function storage() {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

Deno.test("requests bear the token that was typed in, until it is cleared", () => {
  const kept = storage();
  deepStrictEqual(headersOf(kept), {});
  match(refusalOf(kept), /is needed/);
  for (const typed of ["dt_abc", "  dt_abc\n", "Bearer dt_abc", "bearer  dt_abc"]) {
    keepToken(kept, typed);
    deepStrictEqual(headersOf(kept), { authorization: "Bearer dt_abc" });
  }
  match(refusalOf(kept), /not known/);
  keepToken(kept, "  ");
  deepStrictEqual(headersOf(kept), {});
});

Deno.test("what no header could carry is told before it is sent", () => {
  strictEqual(tokenProblem("dt_abc"), null);
  strictEqual(tokenProblem(""), null);
  for (const text of ["two words", "naïve", "line\nline"]) match(tokenProblem(text)!, /no spaces/);
});
