/**
 * The folder that holds a process's Deno KV and SQLite files: one process works in it at a time.
 * The lock is the operating system's, on a file in it, so that it ends with the process, however that ends.
 *
 * @module
 */
import { OperatorError } from "../../errors.ts";

const LOCK_FILE = ".lock";

/** A data directory that this process alone works in, until it is disposed of. */
export interface DataDirectory extends Disposable {
  readonly path: string;
  /** The path of a file in it. */
  file(name: string): string;
}

/**
 * Makes the directory if it is not there, and takes it for this process alone.
 *
 * @throws {Error} Where it cannot be written, or another process has it.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  let lock: Deno.FsFile;
  try {
    await Deno.mkdir(path, { recursive: true });
    lock = await Deno.open(fileIn(path, LOCK_FILE), { create: true, read: true, write: true });
  } catch (cause) {
    throw new OperatorError(
      `DATA_DIR: cannot write to ${path} (${(cause as Error).message}); give this user write ` +
        `access to the folder, or set DATA_DIR to another`,
      { cause },
    );
  }
  try {
    if (!await lock.tryLock(true)) {
      throw new OperatorError(
        `DATA_DIR: ${path} is in use by another process${await ownerOf(lock)}; stop that one ` +
          `first, or set DATA_DIR to another folder`,
      );
    }
    await lock.truncate();
    await lock.write(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    path,
    file: (name) => fileIn(path, name),
    [Symbol.dispose]: () => lock.close(),
  };
}

/** The path of a file in a data directory, for those who read beside the process that has it. */
export function fileIn(directory: string, name: string): string {
  return `${directory.replace(/[\\/]+$/, "")}/${name}`;
}

/** Says which process holds the lock, where it wrote so. */
async function ownerOf(lock: Deno.FsFile): Promise<string> {
  const bytes = new Uint8Array(32);
  const pid = Number(new TextDecoder().decode(bytes.subarray(0, await lock.read(bytes) ?? 0)));
  return pid > 0 ? ` (process ${pid})` : "";
}
