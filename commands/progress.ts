/**
 * Progress of long work: a bar where somebody watches, a line now and then elsewhere.
 *
 * @module
 */
import process from "node:process";
import { SingleBar } from "cli-progress";
import type { Output } from "./command.ts";

/** Between two lines where nobody watches, in ms. */
const LINE_INTERVAL_MS = 5_000;

/** Work under way. */
export interface WorkProgress {
  /** So much more is done. */
  add(count: number): void;
  /** What is going on, in words. */
  say(text: string): void;
  /** It is done; nothing more is shown. May be called again. */
  end(): void;
}

/** Shows how `total` is worked through; 0 where it is not known. */
export function progressOf(
  output: Output,
  title: string,
  total: number,
  unit: string,
): WorkProgress {
  return output.isTerminal ? bar(title, total, unit) : lines(output, title, total, unit);
}

function bar(title: string, total: number, unit: string): WorkProgress {
  const format = total > 0
    ? `${title} [{bar}] {percentage} % of {total} ${unit}, {eta_formatted} left`
    : `${title}: {text}`;
  const bar = new SingleBar({
    format,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  let ended = false;
  bar.start(total, 0, { text: "…" });
  return {
    add: (count) => ended || bar.increment(count),
    say: (text) => ended || bar.update({ text }),
    end() {
      if (!ended) bar.stop();
      ended = true;
    },
  };
}

function lines(output: Output, title: string, total: number, unit: string): WorkProgress {
  let done = 0;
  let shownMs = performance.now();
  const show = (text: string) => {
    if (performance.now() - shownMs < LINE_INTERVAL_MS) return;
    shownMs = performance.now();
    output.err(`${title}: ${text}\n`);
  };
  return {
    add(count) {
      done += count;
      show(
        total > 0 ? `${Math.floor(100 * done / total)} % of ${total} ${unit}` : `${done} ${unit}`,
      );
    },
    say: show,
    end() {},
  };
}
