import { deepStrictEqual } from "node:assert";
import { showProgress } from "./progress.ts";

Deno.test("showProgress() writes a line now and then where nobody watches", () => {
  let nowMs = 0;
  let lines: string[] = [];
  const output = { out() {}, err: (text: string) => void lines.push(text), isTerminal: false };
  const shown = (total: number) => {
    lines = [];
    using progress = showProgress("Reading", total, output, () => nowMs);
    for (let done = 0; done <= 200; done += 10) {
      nowMs += 1000;
      progress.update(done);
    }
    return lines;
  };
  deepStrictEqual(shown(200), [
    "Reading: 20 %\n",
    "Reading: 45 %\n",
    "Reading: 70 %\n",
    "Reading: 95 %\n",
  ]);
  deepStrictEqual(shown(0)[0], "Reading: 40 so far\n");
});
