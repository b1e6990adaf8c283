/**
 * The processes of a fault run: members that are started, killed, frozen and robbed of their disks,
 * and the servers that they need.
 *
 * @module
 */
import { systemClock as clock } from "../../adapters/system_clock.ts";
import type { KafkaServer } from "../integration/kafka_server.ts";
import type { PostgresServer } from "../integration/postgres_server.ts";
import type { TcpProxy } from "./tcp_proxy.ts";
import { type Disk, type Fault, MEMBERS, type Server } from "./faults.ts";

/** What every member runs. */
export interface ClusterConfig {
  /** Where disks and their copies lie. */
  directory: string;
  logDirectory: string;
  settings: Readonly<Record<string, string>>;
  /** Settings of a member of its own. */
  settingsOf?(member: string): Readonly<Record<string, string>>;
  /** The file that the processes run, from the project's folder. */
  entry?: string;
}

/** SIGTERM must have ended a process within this time; containers are killed then, in ms. */
const STOP_MAX_MS = 10_000;
/** Between two cuts of all connections, in ms: some work has begun again by then. */
const CUT_INTERVAL_MS = 400;
/** What a process may take at most, in bytes: several times what it does. */
const MEMORY_BYTES_MAX = 512 * 1024 ** 2;
/** How often the members' memory is looked at, in ms. */
const MEMORY_INTERVAL_MS = 1_000;
/** Between a process's end by itself and its next start, in ms: as an orchestrator does. */
const RESTART_MS = 500;
/** Told to stop before it has begun to listen for that. */
const ENDED_BY_SIGTERM = 143;

interface Member {
  name: string;
  process: Deno.ChildProcess | null;
  /** Ends when the process does. */
  ended: Promise<unknown>;
  /** Whether it is to run: one that ends by itself is started again. */
  wanted: boolean;
}

/** The servers that members need. */
export interface Servers {
  kafka: KafkaServer;
  /** Between the members and the broker. */
  proxy: TcpProxy;
  postgres: PostgresServer;
}

/** Members on one broker and one database. */
export class Cluster implements AsyncDisposable {
  /** What a process did that it must not do. */
  readonly problems: string[] = [];
  /** The greatest resident set of a process, in bytes, by role; empty where the system does not tell. */
  readonly peakBytes: Record<string, number> = {};
  readonly #members = new Map<string, Member>();
  readonly #faults = new Map<string, Promise<void>>();
  readonly #over = new AbortController();

  constructor(private readonly servers: Servers, private readonly config: ClusterConfig) {
    void this.#watchMemory();
  }

  /** Starts a member, if it does not run, on the disk that it had. Its name begins with its role. */
  start(name: string): void {
    const member = this.#members.getOrInsertComputed(name, () => ({
      name,
      process: null,
      ended: Promise.resolve(),
      wanted: false,
    }));
    if (member.process !== null) return;
    member.wanted = true;
    const { settings, settingsOf, entry = "main.ts" } = this.config;
    const process = member.process = new Deno.Command("sh", {
      args: ["-c", 'exec "$0" run -A -q --no-prompt "$1" >>"$LOG" 2>&1', Deno.execPath(), entry],
      cwd: new URL("../../", import.meta.url),
      env: {
        ...settings,
        ...settingsOf?.(name),
        ROLES: roleOf(name),
        KAFKA_BROKERS: `127.0.0.1:${this.servers.proxy.port}`,
        DATABASE_URL: this.servers.postgres.url,
        DATA_DIR: this.#disk(name),
        PORT: "0",
        LOG: this.logOf(name),
      },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    member.ended = process.status.then(({ code, signal }) => {
      member.process = null;
      if (!member.wanted) return;
      this.problems.push(`${name} ended by itself (${signal ?? `exit code ${code}`})`);
      void clock.sleep(RESTART_MS).then(() => member.wanted && this.start(name));
    });
  }

  /** The path of a member's log. */
  logOf(member: string): string {
    return `${this.config.logDirectory}/${member}.log`;
  }

  /** Does a fault, and what ends it, once the last one of the same member or server is over. */
  apply(fault: Fault): Promise<void> {
    const place = "member" in fault ? fault.member : fault.server;
    const applied = (this.#faults.get(place) ?? Promise.resolve()).then(() => this.#apply(fault));
    this.#faults.set(place, applied);
    return applied;
  }

  /** Ends all members in order. */
  async stop(): Promise<void> {
    await this.#endAll("SIGTERM");
  }

  /** Kills what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#endAll("SIGKILL");
  }

  async #apply(fault: Fault): Promise<void> {
    if ("server" in fault) {
      await this.#disturb(fault.server, fault.kind, fault.forMs);
      const { atMs, then } = fault;
      if (then === undefined) return;
      await clock.sleep(then.afterMs);
      const { member } = then;
      return await this.apply({ atMs, forMs: 0, kind: "kill", member, disk: "same disk" });
    }
    switch (fault.kind) {
      case "kill":
      case "leave":
        await this.#end(fault.member, fault.kind === "kill" ? "SIGKILL" : "SIGTERM");
        await this.#changeDisk(fault.member, fault.disk);
        await clock.sleep(fault.forMs);
        return this.start(fault.member);
      case "join":
        this.start(fault.member);
        await clock.sleep(fault.forMs);
        return await this.#end(fault.member, fault.forMs % 2 === 0 ? "SIGKILL" : "SIGTERM");
      case "freeze":
        return await this.#freeze(fault.member, fault.forMs);
    }
  }

  #disk(member: string): string {
    return `${this.config.directory}/disk-${member}`;
  }

  async #endAll(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await Promise.all(this.#members.keys().map((name) => this.#end(name, signal)));
  }

  async #end(name: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const member = this.#members.get(name)!;
    member.wanted = false;
    const { process } = member;
    if (process === null) return;
    if (!signalled(process, signal) || signal === "SIGKILL") return void await member.ended;
    const kill = new AbortController();
    const killed = clock.sleep(STOP_MAX_MS, kill.signal).then(() => {
      if (kill.signal.aborted) return;
      if (!signalled(process, "SIGKILL")) return;
      this.problems.push(`${name} did not stop within ${STOP_MAX_MS} ms`);
    });
    const { code } = await process.status;
    kill.abort();
    await Promise.all([member.ended, killed]);
    if (code !== 0 && code !== ENDED_BY_SIGTERM) {
      this.problems.push(`${name} stopped with exit code ${code}`);
    }
  }

  /** Stopped beyond its session, then awake again, believing that all is as it was. */
  async #freeze(name: string, forMs: number): Promise<void> {
    const member = this.#members.get(name)!;
    const { process } = member;
    if (process === null) return;
    if (!signalled(process, "SIGSTOP")) return;
    await this.#copyDisk(name);
    await clock.sleep(forMs);
    // An orchestrator may have been quicker.
    if (member.process === process) signalled(process, "SIGCONT");
  }

  async #changeDisk(member: string, disk: Disk): Promise<void> {
    const copy = `${this.#disk(member)}.copy`;
    if (disk === "same disk") return await this.#copyDisk(member);
    await Deno.remove(this.#disk(member), { recursive: true }).catch(ignoreMissing);
    if (disk === "older disk") await Deno.rename(copy, this.#disk(member)).catch(ignoreMissing);
  }

  /** For a time when an older disk is wanted. */
  async #copyDisk(member: string): Promise<void> {
    const copy = `${this.#disk(member)}.copy`;
    await Deno.remove(copy, { recursive: true }).catch(ignoreMissing);
    await Deno.mkdir(copy);
    // One that had not begun yet has none.
    await Deno.mkdir(this.#disk(member), { recursive: true });
    for await (const { name, isFile } of Deno.readDir(this.#disk(member))) {
      if (isFile) await Deno.copyFile(`${this.#disk(member)}/${name}`, `${copy}/${name}`);
    }
  }

  async #disturb(name: Server, kind: Fault["kind"], forMs: number): Promise<void> {
    const { kafka, proxy, postgres } = this.servers;
    const server = name === "broker" ? kafka : postgres;
    if (kind === "cut") {
      const endMs = performance.now() + forMs;
      do {
        if (name === "broker") proxy.cut();
        // One that is too busy to be asked has been disturbed enough.
        else await postgres.cutConnections().catch(() => {});
        await clock.sleep(CUT_INTERVAL_MS);
      } while (performance.now() < endMs);
    } else if (kind === "freeze") {
      await server.signal("SIGSTOP");
      await clock.sleep(forMs);
      await server.signal("SIGCONT");
    } else {
      await (kind === "kill" ? server.kill() : server.stop());
      await clock.sleep(forMs);
      await server.restart();
    }
  }

  /** Notes the greatest resident set that each process has had; a problem where it is beyond all bounds. */
  async #watchMemory(): Promise<void> {
    for (; !this.#over.signal.aborted; await clock.sleep(MEMORY_INTERVAL_MS, this.#over.signal)) {
      for (const { name, process } of this.#members.values()) {
        if (process === null) continue;
        const status = await Deno.readTextFile(`/proc/${process.pid}/status`).catch(() => "");
        const bytes = 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0);
        const role = roleOf(name);
        const before = this.peakBytes[role] ?? 0;
        if (bytes <= before) continue;
        this.peakBytes[role] = bytes;
        if (bytes > MEMORY_BYTES_MAX && before <= MEMORY_BYTES_MAX) {
          this.problems.push(`${name} takes ${Math.round(bytes / 1024 ** 2)} MiB of memory`);
        }
      }
    }
  }

  /** Starts whoever is to be there at the end. */
  heal(): void {
    for (const member of MEMBERS) this.start(member);
  }
}

function roleOf(member: string): string {
  return member.split("-")[0]!;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Sends a signal; `false`: the process has ended already, and this one was too busy to hear of it. */
function signalled(process: Deno.ChildProcess, signal: Deno.Signal): boolean {
  try {
    process.kill(signal);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
