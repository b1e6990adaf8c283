/**
 * What a race came to, as the table that README shows.
 *
 * @module
 */
import { median } from "./median.ts";
import type { RunFigures } from "./race_run.ts";
import type { Scenario } from "./race_samples.ts";

/** All runs of one contestant. */
export interface Result {
  name: string;
  isOurs: boolean;
  runs: readonly RunFigures[];
}

/** The medians of a contestant. */
type Row = RunFigures & { name: string; isOurs: boolean };

/** A Markdown table, and below it ours against the quickest of the others. */
export function reportOf(scenario: Scenario, results: readonly Result[]): string {
  const sampleCount = scenario.marketCount * scenario.tickCount;
  const rows = results.map(({ runs, ...who }): Row => ({ ...who, ...mediansOf(runs) }));
  const ours = rows.filter(({ isOurs }) => isOurs);
  const [best] = rows.filter(({ isOurs }) => !isOurs).sort((a, b) =>
    a.countSeconds - b.countSeconds
  );
  const runCount = results[0]!.runs.length;
  return `### ${grouped(sampleCount)} samples of ${grouped(scenario.marketCount)} markets, ${
    runCount === 1 ? "one run" : `medians of ${runCount} runs`
  }

${tableOf(rows, sampleCount)}
${best ? ours.map((row) => `\n${comparisonOf(row, best)}\n`).join("") : ""}`;
}

function tableOf(rows: readonly Row[], sampleCount: number): string {
  const head = ["", "samples/s", "from start, s", "CPU, s", "peak memory, MB"];
  const cells = rows.map((row) => [
    row.isOurs ? `**${row.name}**` : row.name,
    grouped(Math.round(sampleCount / row.countSeconds / 1_000) * 1_000),
    row.totalSeconds.toFixed(1),
    row.cpuSeconds.toFixed(1),
    grouped(Math.round(row.peakMegabytes)),
  ]);
  const widths = head.map((_, i) =>
    Math.max(4, ...[head, ...cells].map((line) => line[i]!.length))
  );
  const lineOf = (line: readonly string[]) =>
    `| ${
      line.map((cell, i) => i ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join(" | ")
    } |`;
  const rule = widths.map((width, i) => i ? `${"-".repeat(width - 1)}:` : "-".repeat(width));
  return [head, rule, ...cells].map(lineOf).join("\n");
}

function comparisonOf(ours: Row, best: Row): string {
  const times = (a: number, b: number) => `${(a / b).toFixed(2)} ×`;
  return `${ours.name} against the quickest of them (${best.name}): ` +
    `${times(best.countSeconds, ours.countSeconds)} its throughput, ` +
    `${times(ours.cpuSeconds, best.cpuSeconds)} its CPU time, ` +
    `${times(ours.peakMegabytes, best.peakMegabytes)} its peak memory.`;
}

function mediansOf(runs: readonly RunFigures[]): RunFigures {
  const medianOf = (figure: keyof RunFigures) => median(runs.map((run) => run[figure]));
  return {
    totalSeconds: medianOf("totalSeconds"),
    countSeconds: medianOf("countSeconds"),
    cpuSeconds: medianOf("cpuSeconds"),
    peakMegabytes: medianOf("peakMegabytes"),
  };
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
