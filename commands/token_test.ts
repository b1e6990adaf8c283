import { match, notStrictEqual, ok, strictEqual } from "node:assert";
import { Tokens } from "../api/tokens.ts";
import { parseApiTokens } from "../config/access.ts";
import { outputOf } from "../tests/command_output.ts";
import { tokenCommand } from "./token.ts";

Deno.test("token prints a token and the setting that lets it in", async () => {
  const { code, out } = await outputOf(tokenCommand, ["alice"]);
  strictEqual(code, 0);
  const token = /^ {2}(dt_[\w-]{43})$/m.exec(out)![1]!;
  const setting = /^ {2}API_TOKENS=(.*)$/m.exec(out)![1]!;
  ok(!setting.includes(token));
  strictEqual(new Tokens(parseApiTokens(setting)!).nameOf(`Bearer ${token}`), "alice");
  notStrictEqual((await outputOf(tokenCommand, ["alice"])).out, out);
});

for (const args of [[], ["alice", "bob"], ["al,ice"], [""]]) {
  Deno.test(`token refuses the arguments ${JSON.stringify(args)}`, async () => {
    const { code, out, err } = await outputOf(tokenCommand, args);
    strictEqual(code, 2);
    strictEqual(out, "");
    match(err, /^token: .*\nSee: deno task token --help\n$/);
  });
}
