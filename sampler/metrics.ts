/**
 * What an operator sees of the sampler.
 *
 * @module
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { PollRecord } from "../ports/statistics_store.ts";

/** What keeps the metrics. */
export interface SamplerMetrics {
  /** Told of every poll. */
  observe(poll: PollRecord): void;
  /** Told of ticks at which this process could poll nothing. */
  observeMissed(tickCount: number): void;
}

/** Registers the metrics. */
export function samplerMetrics(registry: Registry): SamplerMetrics {
  const registers = [registry];
  const polls = new Counter({
    name: "data_tracker_sampler_polls_total",
    help: "Ticks by source and outcome",
    labelNames: ["source", "outcome"],
    registers,
  });
  const entries = new Counter({
    name: "data_tracker_sampler_entries_total",
    help: "Entries that sources gave, by what became of them",
    labelNames: ["source", "became"],
    registers,
  });
  const latency = new Histogram({
    name: "data_tracker_sampler_poll_seconds",
    help: "From a tick's start to the source's last answer",
    labelNames: ["source"],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const credits = new Gauge({
    name: "data_tracker_sampler_credits",
    help: "Credits left, as the source last said",
    labelNames: ["source"],
    registers,
  });
  const success = new Gauge({
    name: "data_tracker_sampler_last_success_timestamp_seconds",
    help: "The last tick whose poll succeeded",
    labelNames: ["source"],
    registers,
  });
  const missed = new Counter({
    name: "data_tracker_sampler_missed_ticks_total",
    help: "Ticks at which this process polled nothing: out of its group, or asleep",
    registers,
  });

  const observe = (poll: PollRecord) => {
    const { source, outcome } = poll;
    polls.inc({ source, outcome });
    entries.inc({ source, became: "sample" }, poll.marketCount);
    entries.inc({ source, became: "zero_price" }, poll.zeroPriceCount);
    entries.inc({ source, became: "left_out" }, poll.leftOutCount);
    entries.inc({ source, became: "malformed" }, poll.malformedCount);
    if (poll.latencyMs !== null) latency.observe({ source }, poll.latencyMs / 1000);
    if (poll.budget !== null) credits.set({ source }, poll.budget.remaining);
    if (outcome === "ok") success.set({ source }, poll.tickMs / 1000);
  };
  return { observe, observeMissed: (tickCount) => missed.inc(tickCount) };
}
