/**
 * A program as its own process, measured from outside by what Linux keeps of it, whatever it is
 * written in: CPU time, its own and its children's, from start to end, and peak memory.
 *
 * @module
 */

/** The kernel's clock ticks a second, which `/proc` counts in; the same on every Linux of today. */
const TICKS_PER_SECOND = 100;
/** How often its memory is looked at, in ms: the last look is at most so long before its end. */
const LOOK_INTERVAL_MS = 20;
/** Of what it says, the last characters are kept for an error. */
const TEXT_LENGTH_MAX = 20_000;

/** What a process took from its start to its end. */
export interface ProcessCost {
  /** User and system time, with that of its threads and children, in s. */
  cpuSeconds: number;
  /** The most memory that was resident at a time (VmHWM), in MB of 2^20 bytes. */
  peakMegabytes: number;
}

/** A process under way; killed when it is disposed of. CPU time is told of all that ended since its start. */
export class MeasuredProcess implements AsyncDisposable {
  /** In ms of `performance.now()`. */
  readonly startedMs: number;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #looking: ReturnType<typeof setInterval>;
  readonly #cpuSecondsBefore = childrenCpuSeconds();
  #peakMegabytes = 0;
  #text = "";
  #status: Deno.CommandStatus | null = null;

  /** Starts `command`, whose standard streams are read, in addition to this environment in `env`. */
  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.startedMs = performance.now();
    this.#child = new Deno.Command(command, {
      ...{ args: [...args], env, cwd: new URL("..", import.meta.url) },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const { stdout, stderr, status } = this.#child;
    this.#reading = Promise.all([this.#read(stdout), this.#read(stderr)]);
    this.#looking = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
    void status.then((status) => this.#status = status);
  }

  /** The end of what it has said. */
  get text(): string {
    return this.#text;
  }

  /** @throws Where it has ended, with what it said. */
  assertRuns(): void {
    if (this.#status !== null) throw new Error(`ended (code ${this.#status.code}):\n${this.#text}`);
  }

  /** Waits for its end, asking for it unless it ends by itself. @throws Where it fails. */
  async end({ endsItself = false } = {}): Promise<ProcessCost> {
    this.#look();
    if (!endsItself) this.#child.kill("SIGTERM");
    const { success, code } = await this.#child.status;
    clearInterval(this.#looking);
    await this.#reading;
    if (!success) throw new Error(`failed (code ${code}):\n${this.#text}`);
    return {
      cpuSeconds: childrenCpuSeconds() - this.#cpuSecondsBefore,
      peakMegabytes: this.#peakMegabytes,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looking);
    if (this.#status === null) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reading;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#text = (this.#text + text).slice(-TEXT_LENGTH_MAX);
    }
  }

  #look(): void {
    try {
      const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
      const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(status) ?? [];
      // Without it, the process is over and only its exit code is left.
      if (kilobytes !== undefined) this.#peakMegabytes = Number(kilobytes) / 1024;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** CPU time of this process's children that have ended, and of theirs, in s. */
function childrenCpuSeconds(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  // The second field is a name in brackets that may hold anything; cutime and cstime are 16 and 17.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}
