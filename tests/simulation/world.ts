/**
 * A small world for the real role code: a manual clock, one seeded dice, and ports whose every call
 * waits for its turn, so that a driver decides who goes on, who dies and who sleeps between any two
 * calls. Nothing here waits for real time: one seed is one history.
 *
 * @module
 */
import type { Clock, Random } from "../../ports/clock.ts";

/** A seeded dice (sfc32, Chris Doty-Humphrey, PractRand). */
export class Dice implements Random {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #count = 1;
  #ids = 0;

  constructor(seed: number) {
    this.#a = seed | 0;
    for (let i = 0; i < 12; i++) this.#next();
  }

  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  id(): string {
    return `id${this.#ids++}`;
  }

  /** An integer in `[0, below)`. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  #next(): number {
    const t = (this.#a + this.#b | 0) + this.#count | 0;
    this.#count = this.#count + 1 | 0;
    this.#a = this.#b ^ this.#b >>> 9;
    this.#b = this.#c + (this.#c << 3) | 0;
    this.#c = (this.#c << 21 | this.#c >>> 11) + t | 0;
    return t >>> 0;
  }
}

/** One process of the world. */
export interface Process {
  name: string;
  state: "running" | "paused" | "dead";
  /** What the next call meets. */
  fault: Fault;
  /** Port calls made so far. */
  callCount: number;
}

/** What a port call can meet: dying before it happened, or after, looks the same to the process. */
export type Fault = "none" | "fail before" | "fail after" | "die before" | "die after";

interface Turn {
  process: Process;
  go: () => void;
}

interface Timer {
  atMs: number;
  process: Process;
  wake: () => void;
}

/** Turns and time. */
export class World {
  nowMs = 0;
  readonly #turns: Turn[] = [];
  readonly #timers = new Set<Timer>();
  /** How often anything began to wait. */
  #waitCount = 0;

  constructor(readonly dice: Dice) {}

  /** A port call of a process: waits for its turn, then happens, or fails before or after it did. */
  async call<T>(process: Process, work: () => T | Promise<T>): Promise<T> {
    await new Promise<void>((go) => {
      this.#turns.push({ process, go });
      this.#waitCount++;
    });
    const { fault } = process;
    process.fault = "none";
    process.callCount++;
    if (fault === "fail before") throw new Error("simulated: the call failed");
    if (fault === "die before") return await this.#die(process);
    const result = await work();
    if (fault === "fail after") throw new Error("simulated: the acknowledgement was lost");
    if (fault === "die after") return await this.#die(process);
    return result;
  }

  #die(process: Process): Promise<never> {
    process.state = "dead";
    return new Promise(() => {});
  }

  /** The clock as a process sees it. */
  clockOf(process: Process): Clock {
    return {
      nowMs: () => this.nowMs,
      sleep: (durationMs, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const timer: Timer = {
            atMs: this.nowMs + Math.max(1, Math.ceil(durationMs)),
            process,
            wake: () => {
              this.#timers.delete(timer);
              signal?.removeEventListener("abort", timer.wake);
              resolve();
            },
          };
          this.#timers.add(timer);
          this.#waitCount++;
          signal?.addEventListener("abort", timer.wake, { once: true });
        }),
    };
  }

  /** Lets one waiting call of a running process go on. Returns false where none waits. */
  async turn(): Promise<boolean> {
    const ready = this.#turns.filter((turn) => turn.process.state === "running");
    if (ready.length === 0) return false;
    const turn = ready[this.dice.below(ready.length)]!;
    this.#turns.splice(this.#turns.indexOf(turn), 1);
    const { fault } = turn.process;
    const waitCount = this.#waitCount;
    turn.go();
    // The one that went on waits again soon; only a failed call sets more than one thing going.
    for (let i = 0; i < REACTIONS && (this.#waitCount === waitCount || fault !== "none"); i++) {
      await null;
    }
    await null;
    return true;
  }

  /** Lets time pass, and wakes whoever it was for. */
  async pass(durationMs: number): Promise<void> {
    this.nowMs += durationMs;
    for (const timer of [...this.#timers].sort((a, b) => a.atMs - b.atMs)) {
      if (timer.atMs <= this.nowMs && timer.process.state === "running") timer.wake();
    }
    await settle();
  }

  /** Forgets what dead processes wait for. */
  bury(): void {
    for (const timer of this.#timers) {
      if (timer.process.state === "dead") this.#timers.delete(timer);
    }
    for (let i = this.#turns.length - 1; i >= 0; i--) {
      if (this.#turns[i]!.process.state === "dead") this.#turns.splice(i, 1);
    }
  }
}

/** Promise reactions that a role may chain between two port calls: several times the deepest seen. */
const REACTIONS = 60;

/** Lets everything that can go on without a port do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < REACTIONS; i++) await null;
}
