/**
 * Tests on recorded market data, which is not the project's to ship: it is looked for beside it.
 *
 * @module
 */

const FOLDER = new URL("../../shared/data/", import.meta.url);

/** A test that reads recordings: skipped with a word where they are missing, failed there with `CI=true`. */
export function recordedTest(name: string, run: () => Promise<void>): void {
  const missing = !existsSync(FOLDER);
  if (missing && Deno.env.get("CI") !== "true") {
    Deno.test.ignore(`${name} (skipped: no recordings in ../shared/data)`, run);
  } else {
    Deno.test(name, () => {
      if (missing) throw new Error("The recordings are missing: ../shared/data");
      return run();
    });
  }
}

/** The bytes of a recording, unpacked where its name ends in `.gz`. */
export async function recording(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await Deno.readFile(new URL(path, FOLDER));
  if (!path.endsWith(".gz")) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

function existsSync(place: URL): boolean {
  try {
    return Deno.statSync(place).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
