import type { Kv } from "../adapters/deno_kv/kv_file.ts";

/** What happens at the commit that is to fail. */
export interface Failure {
  /** Which commit, from 1. */
  at: number;
  /** Whether it is done all the same: the answer is lost. */
  isDone: boolean;
  /** Whether nothing works any more from then on, as after a crash. */
  isLast: boolean;
}

/** A Deno KV one of whose commits fails. */
export class FailingKv implements Kv {
  commitCount = 0;
  #isDead = false;

  constructor(private readonly kv: Kv, private readonly failure: Failure) {}

  /** Whether the commit that was to fail has come. */
  get hasFailed(): boolean {
    return this.commitCount >= this.failure.at;
  }

  get<T>(...args: Parameters<Kv["get"]>): Promise<Deno.KvEntryMaybe<T>> {
    this.#live();
    return this.kv.get<T>(...args);
  }

  getMany<T extends readonly unknown[]>(
    ...args: Parameters<Deno.Kv["getMany"]>
  ): Promise<{ [K in keyof T]: Deno.KvEntryMaybe<T[K]> }> {
    this.#live();
    return this.kv.getMany<T>(...args as Parameters<typeof this.kv.getMany<T>>);
  }

  list<T>(...args: Parameters<Kv["list"]>): Deno.KvListIterator<T> {
    this.#live();
    return this.kv.list<T>(...args);
  }

  atomic(): Deno.AtomicOperation {
    const atomic = this.kv.atomic();
    const commit = atomic.commit.bind(atomic);
    atomic.commit = async () => {
      this.#live();
      if (++this.commitCount !== this.failure.at) return await commit();
      this.#isDead = this.failure.isLast;
      if (this.failure.isDone) await commit();
      throw new Error(`commit ${this.failure.at} fails on purpose`);
    };
    return atomic;
  }

  #live(): void {
    if (this.#isDead) throw new Error("the process is dead");
  }
}
