/**
 * A Deno KV file: opened with patience, refused with words.
 *
 * @module
 */
import pRetry from "p-retry";

/** What the adapters use of Deno KV; tests put failing ones in its place. */
export type Kv = Pick<Deno.Kv, "get" | "getMany" | "list" | "atomic">;

/** Deno KV takes no larger value. */
export const VALUE_BYTES_MAX = 65_536;

/** Deno KV reads no more keys at once by `getMany`. */
export const KEYS_PER_READ_MAX = 10;

/** Processes that create one file at the same moment get `database is locked`: over within some 100 ms. */
const OPENING = { retries: 12, minTimeout: 25, maxTimeout: 500, factor: 1.6, maxRetryTime: 8000 };

/** How a file is opened. */
export interface OpenOptions {
  /** Whether a file that is not there is an error, not made. */
  mustExist?: boolean;
}

/**
 * Opens a Deno KV file, or makes it, and sees to its schema version.
 *
 * @param schemaVersion The newest that this program knows; a new file bears it.
 * @throws {Error} Where it cannot be opened, is none, or was written by a newer program.
 */
export async function openKvFile(
  path: string,
  schemaVersion: number,
  { mustExist = false }: OpenOptions = {},
): Promise<Deno.Kv> {
  if (mustExist) await requireFile(path);
  let kv: Deno.Kv;
  try {
    kv = await pRetry(() => Deno.openKv(path), {
      ...OPENING,
      shouldRetry: ({ error }) => error.message.includes("database is locked"),
    });
  } catch (cause) {
    throw new Error(
      `${path}: cannot be opened as a Deno KV file (${(cause as Error).message}); check the ` +
        `permissions of its folder, or move the file away to begin anew`,
      { cause },
    );
  }
  try {
    await checkSchema(kv, path, schemaVersion);
  } catch (error) {
    kv.close();
    throw error;
  }
  return kv;
}

async function requireFile(path: string): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(`${path}: no such file; has the program run with this DATA_DIR yet?`, {
      cause,
    });
  }
}

async function checkSchema(kv: Deno.Kv, path: string, known: number): Promise<void> {
  const key = ["schema"];
  const stored = await kv.get<number>(key);
  if (stored.value === null) {
    await kv.atomic().check(stored).set(key, known).commit();
  } else if (!(stored.value <= known)) {
    throw new Error(
      `${path}: has schema version ${stored.value}, and this program knows ${known}; run the ` +
        `newer program that wrote it, or set DATA_DIR to another folder`,
    );
  }
}
