/**
 * A state store of one file a name. A text is written beside its file and then renamed over it, so
 * that whoever reads after a crash finds the old text or the new one, never half of either.
 *
 * @module
 */
import type { StateStore } from "../ports/state_store.ts";

/** Texts in the files `NAME.json` of a directory, which is made at the first write. */
export class FileStateStore implements StateStore {
  /** @param directory Sole property of this process, as the rest of its data directory is. */
  constructor(private readonly directory: string) {}

  async read(name: string): Promise<string | null> {
    const path = this.#pathOf(name);
    try {
      return await Deno.readTextFile(path);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) return null;
      throw new Error(`${path}: cannot be read`, { cause });
    }
  }

  async write(name: string, text: string): Promise<void> {
    const path = this.#pathOf(name);
    const draftPath = `${path}.draft`;
    try {
      await Deno.mkdir(this.directory, { recursive: true });
      using file = await Deno.open(draftPath, { write: true, create: true, truncate: true });
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      // Renamed before its bytes are on the disk, a file can be empty after a power cut.
      await file.syncData();
      await Deno.rename(draftPath, path);
    } catch (cause) {
      throw new Error(`${path}: cannot be written; is there space, and may this process write?`, {
        cause,
      });
    }
  }

  #pathOf(name: string): string {
    return `${this.directory}/${encodeURIComponent(name)}.json`;
  }
}
