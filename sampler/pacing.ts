/**
 * Pacing: how far apart the polls of a source must be, so that the credits left last until they
 * return. Pure; a state goes in and a state comes out.
 *
 * Where a source says when its credits return, that is the end they must last to. Where it does not,
 * they are taken to return either all at once, {@link PERIOD_MS} after they were last seen to (so
 * Cryptowatch: 24 hours after the first request), or each one {@link PERIOD_MS} after it was spent (a
 * rolling window); the pace is the slower of the two, and even under both. Credits that somebody else
 * spends make it slower from the next answer on.
 *
 * @module
 */
import type { Budget } from "../ports/market_source.ts";

/** How long credits take to return where the source does not say: what sources with credits publish. */
export const PERIOD_MS = 24 * 3_600_000;

/** Polls' worth of credits never spent: for clocks that differ, for ticks that do not fit the pace, and for whoever else spends. */
const RESERVE_POLL_COUNT = 3;

/** Credits spent within this time are remembered as one: bounds the state at some 25 numbers. */
const SPENT_GRAIN_MS = 3_600_000;

/** Wait before asking a source that has no credits left and of which no return is known. */
const PROBE_MS = 3_600_000;

/** Longest wait that a source may ask for: a mistaken date must not silence it for ever. */
const RETRY_MAX_MS = PERIOD_MS;

/** What is remembered of one source between polls, and between runs of the program. */
export interface PacingState {
  /** No poll before this time, in ms since the epoch. */
  dueMs: number;
  /** As last told, `costPerPoll` by a whole poll. */
  budget: Budget | null;
  /** When the credits are taken to return all at once, in ms since the epoch. */
  returnMs: number;
  /** Most credits there were since they last returned. */
  capacity: number;
  /** Credits that we spent and that were not seen to return: when (the latest of them), and how many. */
  spent: readonly (readonly [timeMs: number, credits: number])[];
  /** Polls in a row that were refused. */
  refusalCount: number;
}

/** What is known of a source that was never polled. */
export const UNPACED: PacingState = {
  dueMs: 0,
  budget: null,
  returnMs: 0,
  capacity: 0,
  spent: [],
  refusalCount: 0,
};

/** What a poll taught. */
export interface PollLesson {
  tickMs: number;
  intervalMs: number;
  outcome: "ok" | "refused" | "failed";
  /** What the answer said; on a failure, `costPerPoll` is what was spent. */
  budget: Budget | null;
  /** When the source said to come back, in ms since the epoch. */
  retryAtMs: number | null;
}

/** The state after a poll. */
export function learn(state: PacingState, lesson: PollLesson): PacingState {
  const { tickMs, intervalMs, outcome, retryAtMs } = lesson;
  const known = lesson.budget === null ? state : account(state, lesson, lesson.budget);
  // From where the poll was due, not from where it was made: so the ticks that fit are spread evenly.
  const fromMs = state.budget === null ? tickMs : Math.max(state.dueMs, tickMs - intervalMs);
  const refusalCount = outcome === "refused" ? state.refusalCount + 1 : 0;
  let waitMs = 0;
  if (retryAtMs !== null) waitMs = Math.min(retryAtMs - tickMs, RETRY_MAX_MS);
  else if (refusalCount > 0) {
    waitMs = Math.min(intervalMs * 2 ** Math.min(refusalCount, 16), PROBE_MS);
  }
  return {
    ...known,
    refusalCount,
    dueMs: Math.max(dueByCredits(known, fromMs, tickMs), waitMs > 0 ? tickMs + waitMs : 0),
  };
}

/** Why there is no poll at `tickMs`, in words; `null` where there is one. */
export function holdReason(state: PacingState, tickMs: number): string | null {
  if (tickMs >= state.dueMs) return null;
  const due = `next poll due ${inSeconds(state.dueMs)}`;
  if (state.refusalCount > 0 || state.budget === null) {
    return `the source said to slow down: ${due}`;
  }
  const { remaining, costPerPoll, resetMs } = state.budget;
  const endMs = resetMs ?? state.returnMs;
  const end = endMs > tickMs ? `until ${inSeconds(endMs)}` : "while they return one by one";
  const credits = Number(remaining.toPrecision(6));
  return `${credits} credits at ${costPerPoll} a poll must last ${end}: ${due}`;
}

/** The state with the answer's budget booked. */
function account(state: PacingState, { tickMs, outcome }: PollLesson, told: Budget): PacingState {
  const before = state.budget;
  const costPerPoll = outcome === "ok" ? told.costPerPoll : before?.costPerPoll ?? told.costPerPoll;
  // Negative: somebody else spent. Positive: credits came back.
  const returned = before === null ? 0 : told.remaining + told.costPerPoll - before.remaining;
  const spent = book(forget(state.spent, returned, tickMs), tickMs, told.costPerPoll);

  const atOnce = returned >= 2 * costPerPoll && told.remaining >= state.capacity / 2;
  const anew = before === null || atOnce;
  return {
    ...state,
    budget: { ...told, costPerPoll },
    returnMs: anew ? tickMs + PERIOD_MS : state.returnMs,
    capacity: Math.max(anew ? 0 : state.capacity, told.remaining + told.costPerPoll),
    spent,
  };
}

function dueByCredits(state: PacingState, fromMs: number, tickMs: number): number {
  if (state.budget === null) return 0;
  const { remaining, costPerPoll, resetMs } = state.budget;
  if (costPerPoll <= 0) return fromMs;
  const endMs = resetMs ?? state.returnMs;
  if (remaining < costPerPoll) {
    if (endMs > tickMs) return endMs;
    const oldestMs = state.spent[0]?.[0] ?? 0;
    return Math.max(tickMs + PROBE_MS, oldestMs + PERIOD_MS);
  }
  const pollCount = remaining / costPerPoll - RESERVE_POLL_COUNT;
  const evenMs = Math.max(0, endMs - fromMs) / Math.max(1, pollCount);
  if (resetMs !== null) return fromMs + evenMs;
  const returning = state.spent.reduce((sum, [, credits]) => sum + credits, 0) / costPerPoll;
  return fromMs + Math.max(evenMs, PERIOD_MS / Math.max(1, pollCount + returning));
}

/** `spent` without the `returned` credits that were spent first, nor any that must have returned. */
function forget(spent: PacingState["spent"], returned: number, nowMs: number) {
  const kept: [number, number][] = [];
  for (const [timeMs, credits] of spent) {
    if (timeMs + PERIOD_MS <= nowMs) continue;
    const gone = Math.min(credits, Math.max(0, returned));
    returned -= gone;
    if (credits > gone) kept.push([timeMs, credits - gone]);
  }
  return kept;
}

function book(spent: [number, number][], timeMs: number, credits: number): PacingState["spent"] {
  const last = spent.at(-1);
  if (last !== undefined && alignedAlike(last[0], timeMs)) {
    last[0] = timeMs;
    last[1] += credits;
  } else spent.push([timeMs, credits]);
  return spent;
}

function alignedAlike(aMs: number, bMs: number): boolean {
  return Math.floor(aMs / SPENT_GRAIN_MS) === Math.floor(bMs / SPENT_GRAIN_MS);
}

function inSeconds(timeMs: number): string {
  return new Date(Math.ceil(timeMs / 1000) * 1000).toISOString().replace(".000Z", "Z");
}
