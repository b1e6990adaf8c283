/**
 * How far a long command is: a bar for who watches, a line now and then for a log.
 *
 * @module
 */
import process from "node:process";
import { SingleBar } from "cli-progress";
import type { Output } from "../command.ts";

/** Between two lines where nobody watches, in ms. */
const LINE_INTERVAL_MS = 5000;

/** A piece of work under way. */
export interface Progress extends Disposable {
  /** Says how much is done, in units of the total. */
  update(done: number): void;
}

/** Shows the progress of `what` until it is disposed of. `total` 0: nobody knows. */
export function showProgress(
  what: string,
  total: number,
  output: Output,
  nowMs: () => number = () => performance.now(),
): Progress {
  if (output.isTerminal && total > 0) return showBar(what, total);
  let lastMs = nowMs();
  return {
    update(done) {
      if (nowMs() - lastMs < LINE_INTERVAL_MS) return;
      lastMs = nowMs();
      const share = total > 0 ? `${Math.floor((100 * done) / total)} %` : `${done} so far`;
      output.err(`${what}: ${share}\n`);
    },
    [Symbol.dispose]() {},
  };
}

function showBar(what: string, total: number): Progress {
  const bar = new SingleBar({
    format: `${what} [{bar}] {percentage} % | {eta_formatted} left`,
    // Else an interrupt would be taken over, and need a permission to be passed on.
    gracefulExit: false,
    clearOnComplete: true,
    // Asked for by name: what is printed on stdout may go to a file.
    stream: process.stderr,
  });
  bar.start(total, 0);
  return {
    update: (done) => bar.update(Math.min(done, total)),
    [Symbol.dispose]: () => bar.stop(),
  };
}
