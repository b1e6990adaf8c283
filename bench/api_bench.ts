/**
 * The API over a store of ten million windows: one market's day against a bare route that answers
 * with the same bytes, and a day of all markets by exchange. Servers and load are processes of their
 * own; contestants take turns.
 *
 * @module
 */
import { Client } from "pg";
import type { Output } from "../commands/command.ts";
import { buildStore, type BuiltStore, MARKET_COUNT, marketAt, START_MS } from "./api_store.ts";
import type { LoadFigures } from "./api_load.ts";
import { median } from "./median.ts";

const ROW_COUNT = 10_000_000;
const CONNECTION_COUNT = 8;
const LOAD_MS = 5_000;
const ROUND_COUNT = 3;
const DAY_MS = 86_400_000;
/** Days that are asked for in turn, after each was asked for once. */
const DAY_COUNT = 5;
const DAY_REQUEST_COUNT = 40;
const TICKS_PER_SECOND = 100;

/** How to measure. */
export interface ApiBenchOptions {
  /** A Postgres whose database is empty; SQLite in a folder of its own unless given. */
  database?: string;
  rowCount?: number;
}

/** One way of asking for one market's day. */
export interface DayOfOneFigures {
  name: string;
  requestsPerSecond: number;
  /** Of the requests/s of the bare route. */
  ratio: number;
  p99Ms: number;
  /** CPU time of the server's process a request, in µs. */
  cpuMicroseconds: number;
}

/** What came out. */
export interface ApiFigures {
  built: BuiltStore;
  bytesPerRow: number;
  dayOfOne: DayOfOneFigures[];
  dayOfAll: { medianMs: number; p99Ms: number };
}

/** Runs it. */
export async function benchApi(options: ApiBenchOptions, output: Output): Promise<ApiFigures> {
  const folder = await Deno.makeTempDir({ prefix: "bench_api_" });
  try {
    const database = options.database ?? `${folder}/statistics.db`;
    const built = await buildStore(database, options.rowCount ?? ROW_COUNT, output);
    const bytesPerRow = await bytesOf(database) / built.rowCount;
    await using ours = await Server.start("ours", database);
    const fromMs = START_MS + Math.floor((built.dayCount - 1) / 2) * DAY_MS;
    const dayOfAll = await askForDays(ours, built.dayCount);
    const dayOfOne = await askForOne(ours, folder, fromMs);
    return { built, bytesPerRow, dayOfOne, dayOfAll };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function dayPath(market: number, fromMs: number): string {
  const { exchange, instrument } = marketAt(market);
  return `/v1/statistics?exchange=${exchange}&instrument=${instrument}` +
    `&from=${fromMs}&to=${fromMs + DAY_MS}`;
}

async function askForOne(
  ours: Server,
  folder: string,
  fromMs: number,
): Promise<DayOfOneFigures[]> {
  const bytes = await ours.bytesOf(dayPath(0, fromMs));
  await Deno.writeFile(`${folder}/answer`, bytes);
  await Deno.writeTextFile(`${folder}/one`, dayPath(0, fromMs));
  // In an order in which no two that follow one another are neighbours.
  const all = Array.from(
    { length: MARKET_COUNT },
    (_, i) => dayPath(i * 7919 % MARKET_COUNT, fromMs),
  );
  await Deno.writeTextFile(`${folder}/all`, all.join("\n"));
  await using bare = await Server.start("bare", `${folder}/answer`);
  const ways = [
    { name: "bare route", server: bare, paths: `${folder}/one` },
    { name: "kept as bytes", server: ours, paths: `${folder}/one` },
    { name: "a different market each time", server: ours, paths: `${folder}/all` },
  ].map((way) => ({ ...way, runs: [] as (LoadFigures & { cpuSeconds: number })[] }));
  for (let round = 0; round < ROUND_COUNT; round++) {
    for (const { server, paths, runs } of ways) runs.push(await server.load(paths));
  }
  const rateOf = ({ runs }: typeof ways[number]) =>
    median(runs.map(({ requestCount, seconds }) => requestCount / seconds));
  return ways.map((way) => ({
    name: way.name,
    requestsPerSecond: rateOf(way),
    ratio: rateOf(way) / rateOf(ways[0]!),
    p99Ms: median(way.runs.map(({ p99Ms }) => p99Ms)),
    cpuMicroseconds: median(
      way.runs.map(({ cpuSeconds, requestCount }) => cpuSeconds * 1e6 / requestCount),
    ),
  }));
}

/** Asks for days of all markets by exchange, one after the other. */
async function askForDays(
  server: Server,
  storedCount: number,
): Promise<{ medianMs: number; p99Ms: number }> {
  const dayCount = Math.min(DAY_COUNT, storedCount);
  const durationsMs: number[] = [];
  for (let i = 0; i < dayCount + DAY_REQUEST_COUNT; i++) {
    const fromMs = START_MS + (i % dayCount) * DAY_MS;
    const startedMs = performance.now();
    await server.bytesOf(
      `/v1/statistics/aggregate?groupBy=exchange&interval=1d&from=${fromMs}&to=${fromMs + DAY_MS}`,
    );
    if (i >= dayCount) durationsMs.push(performance.now() - startedMs);
  }
  durationsMs.sort((a, b) => a - b);
  const p99Ms = durationsMs[Math.ceil(durationsMs.length * 0.99) - 1]!;
  return { medianMs: median(durationsMs), p99Ms };
}

/** What the store takes on disk, indexes and all. */
async function bytesOf(database: string): Promise<number> {
  if (!database.startsWith("postgres")) return (await Deno.stat(database)).size;
  const client = new Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query(
    `SELECT sum(pg_total_relation_size(oid))::float8 AS bytes FROM pg_class
       WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`,
  );
  await client.end();
  return rows[0].bytes;
}

/** A server that is asked. */
class Server implements AsyncDisposable {
  private constructor(private readonly child: Deno.ChildProcess, private readonly port: number) {}

  static async start(kind: "ours" | "bare", what: string): Promise<Server> {
    const child = spawn("api_server.ts", [kind, what]);
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = Number((await lines.read()).value);
    lines.releaseLock();
    return new Server(child, port);
  }

  async bytesOf(path: string): Promise<Uint8Array> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`);
    const bytes = await response.bytes();
    if (response.ok) return bytes;
    throw new Error(`${path} answered ${response.status}: ${new TextDecoder().decode(bytes)}`);
  }

  /** Lets another process ask for the paths of a file. */
  async load(pathsFile: string): Promise<LoadFigures & { cpuSeconds: number }> {
    const before = await this.#cpuSeconds();
    const args = [this.port, CONNECTION_COUNT, LOAD_MS, pathsFile].map(String);
    const { stdout, success } = await spawn("api_load.ts", args).output();
    if (!success) throw new Error("the load failed");
    const cpuSeconds = await this.#cpuSeconds() - before;
    return { ...JSON.parse(new TextDecoder().decode(stdout)) as LoadFigures, cpuSeconds };
  }

  async #cpuSeconds(): Promise<number> {
    const stat = await Deno.readTextFile(`/proc/${this.child.pid}/stat`);
    // After the name, which may hold anything: user and system time are the 14th and 15th of all.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.stdout.cancel().catch(() => {});
    await this.child.status;
  }
}

function spawn(module: string, args: readonly string[]): Deno.ChildProcess {
  const path = new URL(module, import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, ...args],
    stdout: "piped",
  }).spawn();
}
