/**
 * Python with the packages of `requirements.txt`, installed once into `.cache/`.
 *
 * @module
 */

const CACHE = new URL("../../.cache/fuzz/", import.meta.url).pathname;
const REQUIREMENTS = new URL("requirements.txt", import.meta.url);

/**
 * The Python to run, of an environment that has what `requirements.txt` names.
 *
 * @throws Where there is no Python 3.10 or later, or it cannot install them.
 */
export async function preparePython(): Promise<string> {
  const text = await Deno.readFile(REQUIREMENTS);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text)).toHex().slice(0, 12);
  const folder = `${CACHE}python-${digest}`;
  if (!await exists(folder)) await install(folder);
  return `${folder}/bin/python3`;
}

/** Two that race each make an environment of their own; one's is kept. */
async function install(folder: string): Promise<void> {
  await Deno.mkdir(CACHE, { recursive: true });
  const work = await Deno.makeTempDir({ dir: CACHE, prefix: "install-" });
  try {
    await python(
      "python3",
      ["-c", "import sys; assert sys.version_info >= (3, 10), sys.version"],
      "is too old: 3.10 or later is needed",
    );
    await python(
      "python3",
      ["-m", "venv", work],
      "cannot make an environment (on Debian it takes the package python3-venv)",
    );
    // Its own pip by the module: the scripts beside it name this folder, which is renamed.
    await python(
      `${work}/bin/python3`,
      ["-m", "pip", "install", "-q", "--no-input", "-r", REQUIREMENTS.pathname],
      "cannot install what tests/fuzz/requirements.txt names",
    );
    await Deno.rename(work, folder).catch(async (error) => {
      if (!await exists(folder)) throw error;
    });
  } finally {
    await Deno.remove(work, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

async function python(program: string, args: string[], failure: string): Promise<void> {
  let result: Deno.CommandOutput;
  try {
    result = await new Deno.Command(program, { args, stdin: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("Schemathesis needs Python 3.10 or later, and there is no python3 on PATH");
  }
  if (result.success) return;
  const said = [result.stderr, result.stdout].map((bytes) => new TextDecoder().decode(bytes));
  throw new Error(`Schemathesis needs Python, and python3 ${failure}: ${said.join("").trim()}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
