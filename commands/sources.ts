/**
 * `deno task sources`: polls each configured source once and says what came.
 *
 * @module
 */
import { createSources } from "../adapters/sources/sources.ts";
import { systemClock } from "../adapters/system_clock.ts";
import { loadConfig } from "../config.ts";
import type { Budget, MarketSource } from "../ports/market_source.ts";
import { SourceError } from "../ports/market_source.ts";
import { type Command, EXIT, runCommand } from "./command.ts";
import { type Cell, formatTable } from "./table.ts";

/** A source that has not answered by then gives nothing within its tick either, in ms. */
const POLL_MAX_MS = 60_000;

/** The command. */
export const sourcesCommand: Command = {
  name: "sources",
  about: `
Polls each source of SOURCES once (without any: the simulated market) and shows what it gave:
markets, prices of 0, entries that are no market or make no sense, and the credits left.
A poll costs what a poll of the sampler costs. Ends with 1 where a source gave nothing.`,
  options: {},
  async run(_, output) {
    const sources = createSources(loadConfig({ dev: true }));
    const polls = await Promise.all(sources.map((source) => pollOnce(source)));
    output.out(formatTable(
      [
        "source",
        "outcome",
        "markets",
        "zero prices",
        "left out",
        "malformed",
        "ms",
        "credits left",
      ],
      polls.map(({ row }) => row),
    ));
    for (const { notes } of polls) output.err(notes);
    return polls.every(({ ok }) => ok) ? EXIT.ok : EXIT.failure;
  },
};

interface Polled {
  ok: boolean;
  row: Cell[];
  notes: string;
}

async function pollOnce(source: MarketSource): Promise<Polled> {
  const startMs = systemClock.nowMs();
  // A whole minute, as the default schedule would have it.
  const tickMs = Math.floor(startMs / 60_000) * 60_000;
  try {
    const poll = await source.poll(tickMs, AbortSignal.timeout(POLL_MAX_MS));
    const { quotes, leftOutCount, malformed, budget } = poll;
    const priced = quotes.filter((quote) => quote.price !== 0).length;
    const ms = systemClock.nowMs() - startMs;
    const counts = [priced, quotes.length - priced, leftOutCount, malformed.count, ms];
    return {
      ok: true,
      row: [source.name, "ok", ...counts, budgetText(budget)],
      notes: malformed.examples.map((example) => `${source.name}: malformed: ${example}\n`).join(
        "",
      ),
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const kind = error instanceof SourceError ? error.kind : "failed";
    const budget = error instanceof SourceError ? error.budget : null;
    return {
      ok: false,
      row: [
        source.name,
        kind,
        null,
        null,
        null,
        null,
        systemClock.nowMs() - startMs,
        budgetText(budget),
      ],
      notes: `${source.name}: ${error.message}\n`,
    };
  }
}

function budgetText(budget: Budget | null): string | null {
  if (budget === null) return null;
  const { costPerPoll, remaining, resetMs } = budget;
  const until = resetMs === null ? "" : `, whole again ${new Date(resetMs).toISOString()}`;
  return `${remaining} (${costPerPoll} a poll${until})`;
}

if (import.meta.main) Deno.exitCode = await runCommand(sourcesCommand);
