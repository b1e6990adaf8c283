/**
 * A state store in memory, for tests and for processes without a disk.
 *
 * @module
 */
import type { StateStore } from "../../ports/state_store.ts";

/** Texts by name, for as long as the object lives. */
export class MemoryStateStore implements StateStore {
  readonly #texts = new Map<string, string>();

  read(name: string): Promise<string | null> {
    return Promise.resolve(this.#texts.get(name) ?? null);
  }

  write(name: string, text: string): Promise<void> {
    this.#texts.set(name, text);
    return Promise.resolve();
  }
}
