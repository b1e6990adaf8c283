import assert from "node:assert/strict";
import fc from "fast-check";
import { holdReason, learn, type PacingState, PERIOD_MS, UNPACED } from "./pacing.ts";

const MINUTE_MS = 60_000;
const START_MS = Date.parse("2026-03-01T07:23:00Z");
const COST = 0.015;

/** How a pretended source gives credits back: whoever asks with less than a poll's worth is refused. */
interface Bank {
  /** Credits left after taking `credits`; `null`: refused. */
  take(nowMs: number, credits: number): number | null;
}

/** All at once, 24 hours after the first request (Cryptowatch). */
function atOnce(capacity: number, startMs = Infinity): Bank {
  let left = capacity;
  return {
    take(nowMs, credits) {
      if (nowMs >= startMs + PERIOD_MS) [left, startMs] = [capacity, Infinity];
      if (left < credits - 1e-9) return null;
      startMs = Math.min(startMs, nowMs);
      return left -= credits;
    },
  };
}

/** Each credit 24 hours after it was spent. */
function rolling(capacity: number): Bank {
  let spent: [number, number][] = [];
  return {
    take(nowMs, credits) {
      spent = spent.filter(([timeMs]) => timeMs + PERIOD_MS > nowMs);
      const left = capacity - spent.reduce((sum, [, c]) => sum + c, 0);
      if (left < credits - 1e-9) return null;
      spent.push([nowMs, credits]);
      return left - credits;
    },
  };
}

/** Drop by drop. */
function bucket(capacity: number): Bank {
  let left = capacity;
  let lastMs = START_MS;
  return {
    take(nowMs, credits) {
      left = Math.min(capacity, left + capacity * (nowMs - lastMs) / PERIOD_MS);
      lastMs = nowMs;
      return left < credits - 1e-9 ? null : left -= credits;
    },
  };
}

/** Polls by the pace for `durationMs`; `meanwhile` is what others do before each tick. */
function simulate(
  bank: Bank,
  durationMs: number,
  meanwhile: (nowMs: number, state: PacingState) => PacingState = (_, state) => state,
) {
  const pollsMs: number[] = [];
  let refusedCount = 0;
  let state: PacingState = UNPACED;
  for (let tickMs = START_MS; tickMs < START_MS + durationMs; tickMs += MINUTE_MS) {
    state = meanwhile(tickMs, state);
    if (holdReason(state, tickMs) !== null) continue;
    const remaining = bank.take(tickMs, COST);
    pollsMs.push(tickMs);
    if (remaining === null) refusedCount++;
    const budget = remaining === null ? null : { costPerPoll: COST, remaining, resetMs: null };
    const outcome = remaining === null ? "refused" : "ok";
    state = learn(state, { tickMs, intervalMs: MINUTE_MS, outcome, budget, retryAtMs: null });
  }
  const gaps = pollsMs.slice(1).map((ms, i) => (ms - pollsMs[i]!) / MINUTE_MS);
  return { pollsMs, gaps, refusedCount, state };
}

const restart = (_: number, state: PacingState): PacingState => JSON.parse(JSON.stringify(state));

Deno.test("one day with 10 credits at 0.015 a poll: 660 polls or more, two or three minutes apart, none refused", () => {
  const { pollsMs, gaps, refusedCount } = simulate(atOnce(10), PERIOD_MS, restart);
  assert.equal(refusedCount, 0);
  assert.ok(pollsMs.length >= 660 && pollsMs.length <= 666, `${pollsMs.length} polls`);
  assert.deepEqual(new Set(gaps), new Set([2, 3]));
  // Even over any hour, too.
  for (let i = 0; i + 28 <= pollsMs.length - 1; i++) {
    const hour = pollsMs[i + 28]! - pollsMs[i]!;
    assert.ok(hour >= 60 * MINUTE_MS && hour <= 62 * MINUTE_MS, `28 polls in ${hour} ms`);
  }
});

for (const [name, bank] of Object.entries({ atOnce, rolling, bucket })) {
  Deno.test(`a week of credits that return ${name}: the same pace every day, none refused`, () => {
    const { pollsMs, gaps, refusedCount } = simulate(bank(10), 7 * PERIOD_MS, restart);
    assert.equal(refusedCount, 0);
    for (let day = 0; day < 7; day++) {
      const fromMs = START_MS + day * PERIOD_MS;
      const count = pollsMs.filter((ms) => ms >= fromMs && ms < fromMs + PERIOD_MS).length;
      assert.ok(count >= 650 && count <= 667, `${count} polls on day ${day}`);
    }
    assert.ok(Math.max(...gaps) <= 4, `longest gap ${Math.max(...gaps)} minutes`);
    assert.ok(Math.min(...gaps) >= 2);
  });
}

Deno.test("half of the credits are gone at first sight: half the pace until they return, then the whole", () => {
  const bank = atOnce(10, START_MS - 12 * 3_600_000);
  for (let i = 0; i < 333; i++) bank.take(START_MS, COST);
  const { pollsMs, gaps, refusedCount } = simulate(bank, 2 * PERIOD_MS);
  assert.equal(refusedCount, 0);
  const returned = pollsMs.findIndex((ms) => ms >= START_MS + PERIOD_MS / 2);
  assert.deepEqual(new Set(gaps.slice(0, returned - 1)), new Set([4, 5]));
  assert.deepEqual(new Set(gaps.slice(returned)), new Set([2, 3]));
});

Deno.test("somebody else takes half of what is left at once: slower from then on, even, none refused", () => {
  const bank = atOnce(10);
  const othersMs = START_MS + 6 * 3_600_000;
  const { pollsMs, gaps, refusedCount } = simulate(bank, PERIOD_MS, (nowMs, state) => {
    if (nowMs === othersMs) bank.take(nowMs, 3.75);
    return state;
  });
  assert.equal(refusedCount, 0);
  const cut = pollsMs.findIndex((ms) => ms > othersMs);
  assert.deepEqual(new Set(gaps.slice(0, cut - 1)), new Set([2, 3]));
  assert.deepEqual(new Set(gaps.slice(cut)), new Set([4, 5]));
});

Deno.test("somebody else spends steadily on the second day: slower and slower, but polls to its end", () => {
  const bank = atOnce(10);
  const { pollsMs, gaps, refusedCount } = simulate(bank, 2 * PERIOD_MS, (nowMs, state) => {
    const minute = (nowMs - START_MS) / MINUTE_MS;
    if (minute >= 1440 && minute % 20 === 0) bank.take(nowMs, 0.05);
    return state;
  });
  assert.equal(refusedCount, 0);
  assert.ok(Math.max(...gaps) <= 45, `longest gap ${Math.max(...gaps)} minutes`);
  const second = gaps.filter((_, i) => pollsMs[i]! > START_MS + PERIOD_MS + 60 * MINUTE_MS);
  assert.ok(second.slice(0, 50).every((gap) => gap <= 3), "it begins at the whole pace");
});

Deno.test("whoever else spends a little at any time, no poll is refused and the day is not cut short", () => {
  const share = fc.record({
    make: fc.constantFrom(atOnce, rolling),
    everyMinutes: fc.integer({ min: 10, max: 200 }),
    credits: fc.double({ min: 0.002, max: 0.015, noNaN: true }),
  });
  fc.assert(
    fc.property(share, ({ make, everyMinutes, credits }) => {
      const bank = make(10);
      const { gaps, refusedCount } = simulate(bank, 2 * PERIOD_MS, (nowMs, state) => {
        if ((nowMs - START_MS) % (everyMinutes * MINUTE_MS) === 0) bank.take(nowMs, credits);
        return state;
      });
      assert.equal(refusedCount, 0);
      assert.ok(Math.max(...gaps) <= 60, `longest gap ${Math.max(...gaps)} minutes`);
    }),
    { numRuns: 40 },
  );
});

Deno.test("polls that did not reach the source keep the pace and do not use up the credits", () => {
  let state = learn(UNPACED, lesson(START_MS, { costPerPoll: COST, remaining: 5, resetMs: null }));
  for (let tickMs = START_MS; tickMs < START_MS + PERIOD_MS / 2; tickMs += MINUTE_MS) {
    if (holdReason(state, tickMs) === null) {
      state = learn(state, { ...lesson(tickMs, null), outcome: "failed" });
    }
  }
  assert.equal(state.budget?.remaining, 5);
  assert.ok(state.dueMs < START_MS + PERIOD_MS / 2 + 5 * MINUTE_MS);
});

Deno.test("a failed poll costs what it says, and the price of a whole poll stays known", () => {
  const first = learn(
    UNPACED,
    lesson(START_MS, { costPerPoll: COST, remaining: 5, resetMs: null }),
  );
  const failed = learn(first, {
    ...lesson(START_MS + 5 * MINUTE_MS, { costPerPoll: 0.005, remaining: 4.995, resetMs: null }),
    outcome: "failed",
  });
  assert.deepEqual(failed.budget, { costPerPoll: COST, remaining: 4.995, resetMs: null });
  assert.ok(Math.abs(failed.spent[0]![1] - 0.02) < 1e-12);
});

Deno.test("where the source says when its credits return, they last until then", () => {
  const resetMs = START_MS + 10 * MINUTE_MS;
  const state = learn(UNPACED, lesson(START_MS, { costPerPoll: 1, remaining: 8, resetMs }));
  assert.equal(state.dueMs, START_MS + 2 * MINUTE_MS);
});

Deno.test("plenty of paid credits, free polls and no budget at all are not paced", () => {
  const budgets = [
    { costPerPoll: COST, remaining: 9_999_999_999, resetMs: null },
    { costPerPoll: 0, remaining: 10, resetMs: null },
    null,
  ];
  for (const budget of budgets) {
    const state = learn(UNPACED, lesson(START_MS, budget));
    assert.equal(holdReason(state, START_MS + 1000), null);
  }
});

Deno.test("without credits the source is left alone until they return", () => {
  const state = learn(
    UNPACED,
    lesson(START_MS, { costPerPoll: COST, remaining: 0.01, resetMs: null }),
  );
  assert.equal(state.dueMs, START_MS + PERIOD_MS);
  assert.equal(
    holdReason(state, START_MS + MINUTE_MS),
    "0.01 credits at 0.015 a poll must last until 2026-03-02T07:23:00Z: next poll due 2026-03-02T07:23:00Z",
  );
});

Deno.test("a refused source is asked again when it said, else ever later, at most an hour", () => {
  const refused = { ...lesson(START_MS, null), outcome: "refused" as const };
  const told = learn(UNPACED, { ...refused, retryAtMs: START_MS + 90_000 });
  assert.equal(told.dueMs, START_MS + 90_000);
  assert.match(
    holdReason(told, START_MS) ?? "",
    /said to slow down: next poll due 2026-03-01T07:24:30Z/,
  );

  let state = UNPACED;
  const waits = [];
  for (let i = 0; i < 8; i++) {
    waits.push(((state = learn(state, refused)).dueMs - START_MS) / MINUTE_MS);
  }
  assert.deepEqual(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
  assert.equal(learn(state, lesson(START_MS, null)).refusalCount, 0);

  const absurd = learn(UNPACED, { ...refused, retryAtMs: START_MS + 1e12 });
  assert.equal(absurd.dueMs, START_MS + PERIOD_MS);
});

function lesson(tickMs: number, budget: PacingState["budget"]) {
  return { tickMs, intervalMs: MINUTE_MS, outcome: "ok" as const, budget, retryAtMs: null };
}
