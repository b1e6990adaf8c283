import { ok, rejects, strictEqual } from "node:assert";
import { fileIn, openDataDirectory } from "./data_directory.ts";

Deno.test("a data directory is made, and has one owner at a time", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a/b/`;
  {
    using directory = await openDataDirectory(path);
    strictEqual(directory.file("log.kv"), `${folder}/a/b/log.kv`);
    await rejects(openDataDirectory(path), (error: Error) => {
      ok(error.message.startsWith(`DATA_DIR: ${path} is in use by another process (process `));
      ok(error.message.includes(`${Deno.pid}`) && error.message.includes("stop that one"));
      return true;
    });
  }
  (await openDataDirectory(path))[Symbol.dispose]();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a data directory that cannot be written is named, and what to do", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/file`, "");
  for (const path of [`${folder}/file`, `${folder}/file/below`, "/proc/data"]) {
    await rejects(openDataDirectory(path), (error: Error) => {
      ok(error.message.startsWith(`DATA_DIR: cannot write to ${path} (`), error.message);
      ok(error.message.includes("set DATA_DIR to another"));
      ok(error.cause instanceof Error);
      return true;
    });
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a file's path has one separator, however the directory is written", () => {
  strictEqual(fileIn("data", "log.kv"), "data/log.kv");
  strictEqual(fileIn("./data//", "log.kv"), "./data/log.kv");
});
