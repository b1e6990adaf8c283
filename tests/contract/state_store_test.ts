import assert from "node:assert/strict";
import { FileStateStore } from "../../adapters/file_state_store.ts";
import { MemoryStateStore } from "../../adapters/memory/state_store.ts";
import type { StateStore } from "../../ports/state_store.ts";

function stateStoreContract(
  name: string,
  withStore: (run: (store: StateStore) => Promise<void>) => Promise<void>,
): void {
  Deno.test(`${name}: nothing is under a name never written`, () =>
    withStore(async (store) => {
      assert.equal(await store.read("a"), null);
    }));

  Deno.test(`${name}: the text last written is read, whatever it and its name are`, () =>
    withStore(async (store) => {
      for (const name of ["a", "ccxt:binance", "../up", "ü %2e", "x".repeat(80)]) {
        await store.write(name, "a text that is longer");
        await store.write(name, `ü of ${name}\n`);
        assert.equal(await store.read(name), `ü of ${name}\n`);
      }
      await store.write("empty", "");
      assert.equal(await store.read("empty"), "");
      assert.equal(await store.read("a"), "ü of a\n");
    }));
}

async function withDirectory(run: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await run(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

stateStoreContract("memory state store", (run) => run(new MemoryStateStore()));
stateStoreContract(
  "file state store",
  (run) => withDirectory((path) => run(new FileStateStore(`${path}/made/at first write`))),
);

Deno.test("file state store: texts outlive the object, and what fails half-way changes nothing", () =>
  withDirectory(async (path) => {
    await new FileStateStore(path).write("a", "whole");
    await Deno.writeTextFile(`${path}/a.json.draft`, "hal");
    assert.equal(await new FileStateStore(path).read("a"), "whole");
    await new FileStateStore(path).write("a", "next");
    assert.equal(await new FileStateStore(path).read("a"), "next");
    await Deno.mkdir(`${path}/a.json.draft`);
    await assert.rejects(new FileStateStore(path).write("a", "never"));
    assert.equal(await new FileStateStore(path).read("a"), "next");
  }));

Deno.test("file state store: a place that is no directory is a clear error", () =>
  withDirectory(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    await assert.rejects(new FileStateStore(`${path}/file`).write("a", "text"), {
      message:
        `${path}/file/a.json: cannot be written; is there space, and may this process write?`,
    });
  }));
