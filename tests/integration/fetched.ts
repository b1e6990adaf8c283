/**
 * Programs that tests run against, fetched once for all runs into `.cache`.
 *
 * @module
 */

const CACHE = new URL("../../.cache/", import.meta.url).pathname;

/**
 * A folder with what `fetch` puts there, unless it is there already. Two that race each make one of
 * their own; one's is kept.
 *
 * @param name Of the folder; it must change with what is fetched.
 * @returns Its path.
 */
export async function fetched(
  name: string,
  fetch: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = `${CACHE}${name}`;
  if (await exists(folder)) return folder;
  await Deno.mkdir(CACHE, { recursive: true });
  const work = await Deno.makeTempDir({ dir: CACHE, prefix: "fetch-" });
  try {
    await Deno.mkdir(`${work}/whole`);
    await fetch(`${work}/whole`);
    await Deno.rename(`${work}/whole`, folder).catch(async (error) => {
      if (!await exists(folder)) throw error;
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return folder;
}

/** Runs a command to its end. @throws With what it said, where it fails. */
export async function runWhole([program, ...args]: string[], cwd: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program!, { args, cwd }).output();
  if (success) return;
  const said = [stderr, stdout].map((bytes) => new TextDecoder().decode(bytes).trim()).join("\n");
  throw new Error(`${program} ${args.join(" ")}: ${said}`);
}

/** A Python package with all that it depends on, for `PYTHONPATH`. */
export function pythonPackage(name: string, version: string): Promise<string> {
  return fetched(`${name}-${version}`, (folder) => {
    const pip = ["python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    return runWhole([...pip, "--target", folder, `${name}==${version}`], folder);
  });
}

/** How tests are defined that need something. */
export type DefineTest = (name: string, run: () => Promise<void>) => void;

/** Tests that need `what`: skipped with a word where it cannot be had, failed there with `CI=true`. */
export async function testsNeeding(
  what: string,
  prepare: () => Promise<unknown>,
): Promise<DefineTest> {
  const problem = await prepare().then(() => null, (error) => `${what}: ${error.message}`);
  const isSkipped = problem !== null && Deno.env.get("CI") !== "true";
  return (name, run) => {
    if (isSkipped) return Deno.test.ignore(`${name} (skipped: ${problem})`, run);
    Deno.test(name, async () => {
      if (problem !== null) throw new Error(problem);
      await run();
    });
  };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
