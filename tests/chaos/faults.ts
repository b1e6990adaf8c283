/**
 * What happens to the cluster, and when: drawn from the seed before the run begins. Pure.
 *
 * @module
 */
import { Dice } from "../simulation/world.ts";

/** What a member finds on its disk when it starts again. */
export type Disk = "same disk" | "empty disk" | "older disk";

/** One fault. `forMs`: for so long the member or the server is away, frozen, or (who joins) there. */
export type Fault =
  & { atMs: number; forMs: number }
  & (
    | { kind: "kill" | "leave"; member: string; disk: Disk }
    | { kind: "freeze" | "join"; member: string }
    | { kind: "stop" | "kill" | "freeze" | "cut"; server: Server; then?: Ambush }
  );

/** What members need. */
export type Server = "broker" | "database";

/** A member that is killed so long after the server is back: among all that it has to catch up with. */
export interface Ambush {
  member: string;
  afterMs: number;
}

/** The session time-out of every member. */
export const SESSION_TIMEOUT_MS = 6_000;

/** Drawn one after the other without putting back, so that a short run meets every kind, too. */
type Bag = readonly Kind[];

interface Kind {
  kind: "kill" | "leave" | "freeze" | "join" | "disturb server";
  disk?: Disk;
}

/** A part of the cluster: members of one role, and the server that they publish to. */
interface Side {
  role: "aggregator" | "writer" | "monitor";
  /** Members that are there from the start; the one after them comes and goes. */
  memberCount: number;
  /** `null`: another role's. */
  server: Server | null;
  /** The server is disturbed now so, now so: next to nothing is done then. */
  serverFaults: readonly ("stop" | "kill" | "freeze" | "cut")[];
  /** What was disturbed is left alone for so long afterwards, in ms: a member for less than its start takes. */
  restMs: { member: number; server: number };
  bag: Bag;
  /** Makes its dice another's than those of the other roles. */
  salt: number;
}

const AGGREGATORS: Side = {
  role: "aggregator",
  memberCount: 3,
  server: "broker",
  serverFaults: ["stop", "kill", "freeze", "cut"],
  restMs: { member: 400, server: 8_000 },
  bag: [
    { kind: "kill", disk: "same disk" },
    { kind: "kill", disk: "same disk" },
    { kind: "kill", disk: "empty disk" },
    { kind: "kill", disk: "older disk" },
    { kind: "freeze" },
    { kind: "freeze" },
    { kind: "freeze" },
    { kind: "leave", disk: "same disk" },
    { kind: "leave", disk: "empty disk" },
    { kind: "join" },
    { kind: "join" },
    { kind: "disturb server" },
  ],
  salt: 0x5eed,
};

const WRITERS: Side = {
  role: "writer",
  memberCount: 2,
  server: "database",
  serverFaults: ["cut", "kill", "freeze", "stop"],
  restMs: { member: 400, server: 2_000 },
  bag: [
    { kind: "kill", disk: "same disk" },
    { kind: "kill", disk: "empty disk" },
    { kind: "freeze" },
    { kind: "leave", disk: "same disk" },
    { kind: "join" },
    { kind: "disturb server" },
    { kind: "disturb server" },
    { kind: "disturb server" },
  ],
  salt: 0xdb5eed,
};

const MONITORS: Side = {
  role: "monitor",
  memberCount: 2,
  server: null,
  serverFaults: [],
  restMs: { member: 400, server: 0 },
  bag: [
    { kind: "kill", disk: "same disk" },
    { kind: "kill", disk: "empty disk" },
    { kind: "kill", disk: "older disk" },
    { kind: "freeze" },
    { kind: "freeze" },
    { kind: "leave", disk: "same disk" },
    { kind: "join" },
  ],
  salt: 0x3041704,
};

const SIDES = [AGGREGATORS, WRITERS, MONITORS];

/** Those that are there from the start, and at the end. */
export const MEMBERS = SIDES.flatMap(({ role, memberCount }) =>
  Array.from({ length: memberCount }, (_, number) => `${role}-${number}`)
);
/** Those that come when all else is over. */
export const NEWCOMERS = SIDES.map(({ role, memberCount }) => `${role}-${memberCount + 1}`);
/** Every member that there may be. */
export const EVERYONE = SIDES.flatMap(({ role, memberCount }) =>
  Array.from({ length: memberCount + 2 }, (_, number) => `${role}-${number}`)
);

/**
 * Between two faults of a side at most, in ms: of even seeds and of odd ones. Where faults come so fast
 * that a group is never whole, next to nothing is counted meanwhile; both must be.
 */
const PAUSES_MAX_MS = [5_000, 14_000] as const;
/** A member is killed at most so long after its server is back, in ms: by then it has caught up. */
const AMBUSH_MAX_MS = 2_000;

/** The faults of a seed, by time; all are over when `durationMs` is, or a little later. */
export function scheduleOf(seed: number, durationMs: number): Fault[] {
  return SIDES.flatMap((side) => drawFaults(side, seed, durationMs))
    .sort((a, b) => a.atMs - b.atMs);
}

function drawFaults(side: Side, seed: number, durationMs: number): Fault[] {
  const dice = new Dice(seed ^ side.salt);
  const pauseMaxMs = PAUSES_MAX_MS[seed % 2]!;
  const { role, memberCount, serverFaults, restMs } = side;
  const faults: Fault[] = [];
  const freeFromMs: Record<string, number> = {};
  let bag = side.bag;
  let serverFault = dice.below(serverFaults.length);
  for (let atMs = 1000 + dice.below(3000); atMs < durationMs;) {
    if (bag.length === 0) bag = side.bag;
    const at = dice.below(bag.length);
    const { kind: drawn, disk } = bag[at]!;
    const isServer = drawn === "disturb server";
    const kind = isServer ? serverFaults[serverFault % serverFaults.length]! : drawn;
    const number = kind === "join" ? memberCount : dice.below(memberCount);
    const place = isServer ? side.server! : `${role}-${number}`;
    if ((freeFromMs[place] ?? 0) > atMs) {
      // Something else, a little later.
      atMs += 100;
      continue;
    }
    bag = bag.toSpliced(at, 1);
    if (isServer) serverFault++;
    const forMs = lengthOf(kind, isServer, dice);
    freeFromMs[place] = atMs + forMs + restMs[isServer ? "server" : "member"];
    const then = isServer && role === "writer" && dice.oneIn(2)
      ? { member: `${role}-${dice.below(memberCount)}`, afterMs: dice.below(AMBUSH_MAX_MS) }
      : undefined;
    faults.push({
      atMs,
      forMs,
      kind,
      ...(isServer ? { server: place } : { member: place }),
      ...(disk !== undefined && { disk }),
      ...(then !== undefined && { then }),
    } as Fault);
    // Every fourth time two at once.
    if (!dice.oneIn(4)) atMs += dice.below(pauseMaxMs);
  }
  return faults;
}

function lengthOf(kind: Fault["kind"], isServer: boolean, dice: Dice): number {
  switch (kind) {
    case "freeze":
      return isServer ? 1_000 + dice.below(5_000) : SESSION_TIMEOUT_MS + 500 + dice.below(5_000);
    case "join":
      return 4_000 + dice.below(12_000);
    default:
      return dice.oneIn(3) ? 0 : dice.below(4_000);
  }
}

/**
 * One server away for long, and members that die and start while it is; nothing else.
 */
export function outageOf(server: Server, forMs: number): Fault[] {
  const away: Fault = { atMs: OUTAGE_BEGIN_MS, forMs, kind: "kill", server };
  const deaths = ["aggregator-0", "writer-0", "monitor-0"].map((member, i): Fault => ({
    atMs: OUTAGE_BEGIN_MS + (forMs * (i + 1)) / 5,
    forMs: 1_000,
    kind: "kill",
    member,
    disk: "same disk",
  }));
  return [away, ...deaths];
}

/** Before it and after it everything runs for so long, in ms. */
export const OUTAGE_BEGIN_MS = 15_000;

/** A fault in a line. */
export function describeFault(fault: Fault): string {
  const where = "member" in fault ? fault.member : fault.server;
  const disk = "disk" in fault ? `, ${fault.disk}` : "";
  const then = "then" in fault
    ? `; ${fault.then.afterMs} ms after it kill ${fault.then.member}`
    : "";
  return `${
    (fault.atMs / 1000).toFixed(1)
  } s: ${fault.kind} ${where} (${fault.forMs} ms${disk})${then}`;
}
