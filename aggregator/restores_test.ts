import { strictEqual } from "node:assert";
import { Restores } from "./restores.ts";

Deno.test("restores have ended when the last of those under way has, however it ended", async () => {
  const restores = new Restores();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const running = [first, second].map(({ promise }) => restores.run(() => promise));
  let ended = false;
  const told = restores.ended.then(() => ended = true);
  first.resolve();
  await running[0];
  strictEqual(ended, false);
  second.reject(new Error("away"));
  await running[1]!.catch(() => {});
  await told;
  strictEqual(ended, true);
});
