import { deepStrictEqual } from "node:assert";
import { countLogs } from "./member_logs.ts";

Deno.test("countLogs() counts claims and checkpoints, and tells errors, stack traces and what is no log", async () => {
  const path = await Deno.makeTempFile();
  const line = (level: string, message: string, more = {}) =>
    JSON.stringify({ level, message, ...more });
  await Deno.writeTextFile(
    path,
    [
      line("INFO", "Counting partition 3"),
      line("DEBUG", "Partition 3: published 7 windows"),
      line("WARN", "The store is away"),
      line("FATAL", "it cannot go on"),
      line("WARN", "odd", { error: { name: "Error", stack: "Error: x" } }),
      line("WARN", "Error: x\n    at work (file:///x.ts:1:2)"),
      "error: Uncaught (in promise)",
      '{"level":"INFO","mess',
    ].join("\n"),
  );
  const { claimCount, checkpointCount, problems } = await countLogs([path, `${path}.missing`]);
  await Deno.remove(path);
  deepStrictEqual([claimCount, checkpointCount], [1, 1]);
  deepStrictEqual(
    problems.map((problem) => /cannot go on|stack|at work|Uncaught/.exec(problem)?.[0]),
    [
      "cannot go on",
      "stack",
      "at work",
      "Uncaught",
    ],
  );
});
