/**
 * Live statistics for many clients at once: how long until all have been told of a publication, what
 * memory it takes, and what clients that never read do to it.
 *
 * @module
 */
const CLIENT_COUNT = 2_000;
const SLEEPER_COUNT = 100;
const MARKET_COUNT = 500;
const PUBLICATION_COUNT = 5;

const EVENT = new TextEncoder().encode("event: s");

/** What came out. */
export interface StreamFigures {
  clientCount: number;
  sleeperCount: number;
  marketCount: number;
  /** Of each publication, from its write to the last client's last event, in ms. */
  toldMs: number[];
  /** Resident memory of the server, in MB: idle, with all clients, and at most while they are told. */
  memoryMb: { idle: number; connected: number; most: number };
}

/** Runs it. */
export async function benchStream(): Promise<StreamFigures> {
  const folder = await Deno.makeTempDir();
  const server = new URL("stream_server.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", server, `${folder}/statistics.db`, `${MARKET_COUNT}`],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const stdin = child.stdin.getWriter();
  const answer = async () => Number((await lines.read()).value);
  const publish = async () => {
    await stdin.write(new TextEncoder().encode("publish\n"));
    return await answer();
  };
  try {
    const port = await answer();
    const idle = await publish();
    const sleepers = await connections(port, SLEEPER_COUNT);
    const clients = await connections(port, CLIENT_COUNT);
    const counts = new Array<number>(CLIENT_COUNT).fill(0);
    const arrived = { count: 0, wanted: 0, all: () => {} };
    clients.forEach((client, i) =>
      void count(client, (eventCount) => {
        counts[i]! += eventCount;
        if (counts[i] === arrived.wanted && ++arrived.count === CLIENT_COUNT) arrived.all();
      })
    );
    // All have joined when each has its first sign of life.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    let connected = 0;
    let most = 0;
    const toldMs: number[] = [];
    for (let i = 1; i <= PUBLICATION_COUNT; i++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      Object.assign(arrived, { count: 0, wanted: i * MARKET_COUNT, all: resolve });
      const startMs = performance.now();
      const memory = await publish();
      if (i === 1) connected = memory;
      await promise;
      toldMs.push(performance.now() - startMs);
      most = Math.max(most, memory, await memoryOf(child.pid));
    }
    for (const connection of [...clients, ...sleepers]) connection.close();
    const sizes = { clientCount: CLIENT_COUNT, sleeperCount: SLEEPER_COUNT };
    return { ...sizes, marketCount: MARKET_COUNT, toldMs, memoryMb: { idle, connected, most } };
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await stdin.close().catch(() => {});
    await lines.cancel();
    await Deno.remove(folder, { recursive: true });
  }
}

async function connections(port: number, count: number): Promise<Deno.TcpConn[]> {
  const request = new TextEncoder().encode(
    "GET /v1/statistics/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
  );
  const all: Deno.TcpConn[] = [];
  for (let i = 0; i < count; i++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(request);
    all.push(connection);
  }
  return all;
}

/** Counts the events that come until the connection is closed; the bytes are looked at no further. */
async function count(connection: Deno.TcpConn, onEvents: (count: number) => void): Promise<void> {
  const buffer = new Uint8Array(65_536);
  let matched = 0;
  try {
    for (let length; (length = await connection.read(buffer)) !== null;) {
      let eventCount = 0;
      for (let i = 0; i < length; i++) {
        if (buffer[i] === EVENT[matched]) matched++;
        else matched = buffer[i] === EVENT[0] ? 1 : 0;
        if (matched < EVENT.length) continue;
        eventCount++;
        matched = 0;
      }
      if (eventCount > 0) onEvents(eventCount);
    }
  } catch {
    // It was closed at the end.
  }
}

async function memoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
}
