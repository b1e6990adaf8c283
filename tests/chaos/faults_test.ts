import { deepStrictEqual, ok } from "node:assert";
import { type Fault, MEMBERS, scheduleOf } from "./faults.ts";

const DURATION_MS = 300_000;
const placeOf = (fault: Fault) => "member" in fault ? fault.member : fault.server;

Deno.test("a seed's faults are always the same, in order, and within their time", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const faults = scheduleOf(seed, DURATION_MS);
    deepStrictEqual(faults, scheduleOf(seed, DURATION_MS));
    const times = faults.map(({ atMs }) => atMs);
    deepStrictEqual(times, times.toSorted((a, b) => a - b));
    ok(times[0]! > 0 && times.at(-1)! < DURATION_MS);
    const last = new Map<string, number>();
    for (const fault of faults) {
      const place = placeOf(fault);
      ok(fault.atMs >= (last.get(place) ?? 0), `seed ${seed}: two faults of ${place} at once`);
      last.set(place, fault.atMs + fault.forMs);
    }
  }
});

Deno.test("every seed meets every kind of fault at every place", () => {
  const every = ["broker", "database"].flatMap((place) =>
    ["stop", "kill", "freeze"].map((kind) => `${kind} ${place}`)
  ).concat(
    ...["aggregator", "writer", "monitor"].map((role) =>
      ["join", "leave", "kill", "freeze"].map((kind) => `${kind} ${role}`)
    ),
    "cut database",
    "empty disk",
    "older disk",
    "ambush",
  );
  for (let seed = 1; seed <= 20; seed++) {
    const met = new Set<string>();
    const places = new Set<string>();
    for (const fault of scheduleOf(seed, DURATION_MS)) {
      met.add(`${fault.kind} ${placeOf(fault).split("-")[0]}`);
      places.add(placeOf(fault));
      if ("disk" in fault) met.add(fault.disk);
      if ("then" in fault) met.add("ambush");
    }
    deepStrictEqual(every.filter((kind) => !met.has(kind)), [], `seed ${seed}`);
    deepStrictEqual(MEMBERS.filter((member) => !places.has(member)), [], `seed ${seed}`);
  }
});
