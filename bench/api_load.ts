/**
 * Asks an HTTP server as fast as it answers, over some connections that stay open, as a process of
 * its own: the port, how many connections, for how many ms, and a file with a path a line, asked for
 * in turn. Says what it measured as JSON.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** What a load measured. */
export interface LoadFigures {
  requestCount: number;
  seconds: number;
  medianMs: number;
  p99Ms: number;
}

/** An answer's head is short; its body may be any length. */
const BUFFER_BYTES = 256 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");

async function ask(port: number, nextPath: () => string, untilMs: number): Promise<number[]> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  connection.setNoDelay();
  const buffer = Buffer.alloc(BUFFER_BYTES);
  const encoder = new TextEncoder();
  const durationsMs: number[] = [];
  while (performance.now() < untilMs) {
    const request = encoder.encode(`GET ${nextPath()} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const startedMs = performance.now();
    await connection.write(request);
    let filled = 0;
    for (let wanted = Infinity; filled < wanted;) {
      const count = await connection.read(buffer.subarray(filled));
      if (count === null) throw new Error("the server closed a connection");
      filled += count;
      if (wanted === Infinity) wanted = lengthOf(buffer.subarray(0, filled));
    }
    durationsMs.push(performance.now() - startedMs);
  }
  return durationsMs;
}

/** The length of an answer, once its head is there. @throws Where it is not the one wanted. */
function lengthOf(answer: Buffer): number {
  const end = answer.indexOf(HEAD_END);
  if (end === -1) return Infinity;
  const head = answer.toString("latin1", 0, end).toLowerCase();
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (!head.startsWith("http/1.1 200") || length === undefined) throw new Error(head);
  return end + HEAD_END.length + Number(length);
}

if (import.meta.main) {
  const [port, connectionCount, durationMs] = Deno.args.slice(0, 3).map(Number) as [
    number,
    number,
    number,
  ];
  const paths = (await Deno.readTextFile(Deno.args[3]!)).trim().split("\n");
  let asked = 0;
  const startedMs = performance.now();
  const durationsMs = (await Promise.all(
    Array.from(
      { length: connectionCount },
      () => ask(port, () => paths[asked++ % paths.length]!, startedMs + durationMs),
    ),
  )).flat().sort((a, b) => a - b);
  const figures: LoadFigures = {
    requestCount: durationsMs.length,
    seconds: (performance.now() - startedMs) / 1000,
    medianMs: durationsMs[durationsMs.length >> 1]!,
    p99Ms: durationsMs[Math.floor(durationsMs.length * 0.99)]!,
  };
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(figures)}\n`));
}
