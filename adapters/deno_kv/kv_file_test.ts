import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { openKvFile } from "./kv_file.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a file keeps its schema version, and a newer one is refused in words", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.kv`;
    (await openKvFile(path, 3)).close();
    (await openKvFile(path, 3)).close();
    (await openKvFile(path, 4)).close();
    await rejects(openKvFile(path, 2), (error: Error) => {
      ok(error.message.startsWith(`${path}: has schema version 3, and this program knows 2`));
      return true;
    });
  }));

Deno.test("a file that is no Deno KV file, or in no folder, is named, and what to do", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text.kv`, "no database ".repeat(1000));
    for (const path of [`${folder}/text.kv`, `${folder}/missing/a.kv`]) {
      await rejects(openKvFile(path, 1), (error: Error) => {
        ok(
          error.message.startsWith(`${path}: cannot be opened as a Deno KV file (`),
          error.message,
        );
        ok(error.cause instanceof Error);
        return true;
      });
    }
    await rejects(openKvFile(`${folder}/none.kv`, 1, { mustExist: true }), /none.kv: no such file/);
    const files = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    deepStrictEqual(files, ["text.kv"]);
  }));

Deno.test("a file that another process makes at the same moment is waited for", () =>
  inFolder(async (folder) => {
    const original = Object.getOwnPropertyDescriptor(Deno, "openKv")!;
    const open = Deno.openKv;
    let tryCount = 0;
    const locked = (path?: string) =>
      ++tryCount < 4 ? Promise.reject(new Error("database is locked")) : open(path);
    Object.defineProperty(Deno, "openKv", { value: locked, configurable: true });
    try {
      (await openKvFile(`${folder}/a.kv`, 1)).close();
      strictEqual(tryCount, 4);
    } finally {
      Object.defineProperty(Deno, "openKv", original);
    }
  }));
