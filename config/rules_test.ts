import { deepStrictEqual, strictEqual } from "node:assert";
import { parseConfig, readConfig } from "../config.ts";

function problemsOf(rules: unknown): readonly string[] {
  const file = { path: "tracker.json", content: { RULES: rules } };
  return readConfig({ environment: { SOURCES: "simulated" }, file }).problems;
}

Deno.test("RULES look for leaps above three times the hour before where nothing is set", () => {
  deepStrictEqual(parseConfig({ SOURCES: "simulated" }).rules, [{
    ...{ name: "leap", kind: "ratioAbove", threshold: 3, filters: {} },
    ...{ sampleCountMin: 10, leavesOutAlarmed: false },
  }]);
});

Deno.test("RULES may be about prices or silence, of some markets or sources", () => {
  const RULES = JSON.stringify([
    { name: "fall", ratioBelow: 0.5, exchange: ["kraken", "okx"], minSamples: 30 },
    { name: "far", deviations: 6, quote: ["usd*"], skipAlarmedHours: true },
    { name: "gone", marketSilent: "15m", base: ["btc"] },
    { name: "down", sourceSilent: "10m", source: ["cryptowatch"] },
  ]);
  deepStrictEqual(parseConfig({ SOURCES: "simulated", RULES }).rules, [
    {
      ...{ name: "fall", kind: "ratioBelow", threshold: 0.5 },
      ...{ filters: { exchange: ["kraken", "okx"] }, sampleCountMin: 30, leavesOutAlarmed: false },
    },
    {
      ...{ name: "far", kind: "deviation", threshold: 6, filters: { quote: ["usd*"] } },
      ...{ sampleCountMin: 10, leavesOutAlarmed: true },
    },
    {
      ...{ name: "gone", kind: "marketSilent", threshold: 900_000 },
      ...{ filters: { base: ["btc"] }, sources: null },
    },
    {
      ...{ name: "down", kind: "sourceSilent", threshold: 600_000 },
      ...{ filters: {}, sources: ["cryptowatch"] },
    },
  ]);
});

for (
  const [what, rule, problem] of [
    [
      "a rule that looks for nothing",
      { name: "a" },
      ": must have exactly one of ratioAbove, ratioBelow, deviations, marketSilent, sourceSilent",
    ],
    [
      "a rule that looks for two things",
      { name: "a", ratioAbove: 2, deviations: 3 },
      ": must have exactly one of ratioAbove, ratioBelow, deviations, marketSilent, sourceSilent",
    ],
    [
      "a ratio of nothing",
      { name: "a", ratioAbove: 0 },
      ".ratioAbove: must be a number above 0: how many times the mean of the hour before",
    ],
    [
      "a silence too short to be one",
      { name: "a", marketSilent: "5s" },
      '.marketSilent="5s": must be whole seconds from 1m to 3d, written like 30s',
    ],
    [
      "a name with spaces",
      { name: "a b", ratioAbove: 2 },
      '.name="a b": must be 1 to 40 of a-z, 0-9 and -',
    ],
    [
      "a field that there is not",
      { name: "a", ratioAbove: 2, hour: 1 },
      ".hour: no such field; docs/rules.md lists them",
    ],
    [
      "samples of silence",
      { name: "a", marketSilent: "5m", minSamples: 3 },
      ".minSamples: is for rules on prices alone",
    ],
    [
      "a market of a source",
      { name: "a", sourceSilent: "5m", base: ["btc"] },
      ".base: is not for sourceSilent",
    ],
  ] as const
) {
  Deno.test(`RULES refuses ${what} in words`, () => {
    const [found] = problemsOf([{ name: "leap", ratioAbove: 3 }, rule]);
    strictEqual(found, `tracker.json: RULES[1]${problem}`);
  });
}

Deno.test("RULES refuses two rules of one name, and what is no list", () => {
  deepStrictEqual(problemsOf([{ name: "a", ratioAbove: 2 }, { name: "a", ratioBelow: 2 }]), [
    "tracker.json: RULES[1].name: a is another rule's name too; each must have its own",
  ]);
  deepStrictEqual(problemsOf({ name: "a" }), [
    'tracker.json: RULES={"name":"a"}: must be a JSON list of 20 rules at most, like [{"name": "leap", "ratioAbove": 3}]',
  ]);
});
