/**
 * A test's Postgres as a process of this machine, by the programs that Debian's packages and others
 * leave beside each other, version by version.
 *
 * @module
 */
import type { PostgresServer } from "./postgres_server.ts";
import {
  cutConnections,
  freePort,
  LOGIN,
  query,
  untilAnswering,
  urlAt,
} from "./postgres_session.ts";

const VERSIONS = "/usr/lib/postgresql";
const HOST = "127.0.0.1";
/** Postgres refuses to run as root: then it runs as `nobody`. */
const UNPRIVILEGED_ID = 65_534;
const isRoot = Deno.uid() === 0;
let programs = "";

/** Looks for the newest Postgres of this machine. @throws In words, where there is none. */
export async function prepareNative(): Promise<void> {
  const versions: number[] = [];
  try {
    for await (const { name } of Deno.readDir(VERSIONS)) {
      if (await Deno.stat(`${VERSIONS}/${name}/bin/initdb`).catch(() => null)) {
        versions.push(Number(name));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (versions.length === 0) throw new Error(`there is no server in ${VERSIONS}`);
  programs = `${VERSIONS}/${Math.max(...versions)}/bin`;
}

/** Starts a server with an empty directory of its own, which is removed when it is disposed of. */
export async function startNative(): Promise<PostgresServer> {
  const directory = await Deno.makeTempDir({ prefix: "postgres-" });
  const [data, passwordFile] = [`${directory}/data`, `${directory}/password`];
  await Deno.writeTextFile(passwordFile, LOGIN.password);
  for (const path of isRoot ? [directory, passwordFile] : []) {
    await Deno.chown(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
  }
  const flags = ["-D", data, "-U", LOGIN.user, `--pwfile=${passwordFile}`, "-A", "scram-sha-256"];
  await run([...unprivileged("initdb"), ...flags, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
  const port = freePort();
  const url = urlAt(HOST, port);
  const postgres = [...unprivileged("postgres"), "-D", data, "-p", String(port)];
  const settings = [`listen_addresses=${HOST}`, "unix_socket_directories="];
  const command = [...postgres, ...settings.flatMap((setting) => ["-c", setting])];
  // A database that is there from the start.
  const firstUrl = new URL("/postgres", url).href;
  const launchHere = () => launch(command, firstUrl, `${directory}/log`);
  let server = await launchHere();
  await query(firstUrl, `CREATE DATABASE ${LOGIN.database}`);
  return {
    url,
    stop: () => server.end("SIGINT"),
    kill: () => server.end("SIGKILL"),
    signal: (signal) => server.signal(signal),
    cutConnections: () => cutConnections(url),
    query: (sql) => query(url, sql),
    async restart() {
      server = await launchHere();
    },
    async [Symbol.asyncDispose]() {
      await server.end("SIGKILL");
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** One of Postgres's programs, run by a user who may run it. */
function unprivileged(program: string): string[] {
  const id = UNPRIVILEGED_ID;
  const drop = isRoot ? ["setpriv", `--reuid=${id}`, `--regid=${id}`, "--clear-groups"] : [];
  return [...drop, `${programs}/${program}`];
}

async function run([command, ...args]: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command!, { args, cwd: "/" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

interface Launched {
  end(signal: "SIGINT" | "SIGKILL"): Promise<void>;
  signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void>;
}

/** Runs the server under a shell that ends it when this process goes, however it goes: the pipe closes. */
async function launch(command: string[], url: string, log: string): Promise<Launched> {
  const script = `"$@" >>"$LOG" 2>&1 & pid=$!; echo $pid >"$LOG.pid"; ` +
    `{ cat >/dev/null; kill -QUIT $pid; kill -CONT $pid; } <&3 2>/dev/null & exec 3<&-; wait $pid; kill $! 2>/dev/null`;
  const process = new Deno.Command("sh", {
    args: ["-c", `exec 3<&0; ${script}`, "sh", ...command],
    env: { LOG: log },
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  void process.status.then(() => ended = true);
  const release = async () => {
    await process.stdin.close().catch(() => {});
    await process.status;
  };
  try {
    await untilAnswering(
      url,
      async () => ended ? (await Deno.readTextFile(log)).slice(-4000) : null,
    );
  } catch (error) {
    await release();
    throw error;
  }
  const pid = Number(await Deno.readTextFile(`${log}.pid`));
  /** The server is a process a connection and some more; frozen first, it makes no others meanwhile. */
  const signalAll = async (signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): Promise<number[]> => {
    if (signal !== "SIGCONT") Deno.kill(pid, "SIGSTOP");
    const pids = [...(await pidsOf("--ppid", [pid])), pid];
    for (const one of pids) killIfThere(one, signal);
    return pids;
  };
  return {
    async signal(signal) {
      await signalAll(signal);
    },
    async end(signal) {
      if (ended) return;
      if (signal === "SIGINT") Deno.kill(pid, signal);
      else {
        const pids = await signalAll("SIGKILL");
        // What is left of them would keep the next one from the shared memory.
        while ((await pidsOf("-p", pids)).length > 0) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
      await release();
    },
  };
}

/** The processes that `ps` selects and that are not dead already. */
async function pidsOf(selection: "-p" | "--ppid", pids: number[]): Promise<number[]> {
  const args = ["-o", "pid=,stat=", selection, pids.join()];
  const { stdout } = await new Deno.Command("ps", { args }).output();
  return [...new TextDecoder().decode(stdout).matchAll(/(\d+)\s+[^Z\s]/g)].map(([, id]) =>
    Number(id)
  );
}

function killIfThere(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
