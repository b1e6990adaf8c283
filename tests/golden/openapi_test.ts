/**
 * Holds the API's description against `openapi.json` beside this file: a change of the API is seen
 * here, and then either wanted or not.
 *
 * @module
 */
import { strictEqual } from "node:assert";
import { testApi } from "../api_fixture.ts";

const FILE = new URL("openapi.json", import.meta.url);
const RENEWAL = "deno run --allow-read --allow-write=tests/golden tests/golden/openapi_test.ts " +
  "--renew";

async function description(): Promise<string> {
  const document = await (await testApi().request("/openapi.json")).json();
  return JSON.stringify(document, null, 2) + "\n";
}

Deno.test("the API is what tests/golden/openapi.json describes", async () => {
  strictEqual(
    await description(),
    await Deno.readTextFile(FILE),
    `The API's description has changed. If that is wanted, renew the file and look at its diff:\n  ${RENEWAL}`,
  );
});

if (Deno.args.includes("--renew")) await Deno.writeTextFile(FILE, await description());
