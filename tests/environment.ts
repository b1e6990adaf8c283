/**
 * `Deno.env` is the whole process's, and test modules run beside each other in it: whoever changes it
 * does so alone, by an advisory lock that ends with its holder.
 *
 * @module
 */

/** Keeps `Deno.env` for one test module until it is disposed of; the others wait. */
export async function lockEnvironment(): Promise<Disposable> {
  const folder = Deno.env.get("TMPDIR") ?? "/tmp";
  const options = { create: true, write: true };
  const file = await Deno.open(`${folder}/data-tracker-test-${Deno.pid}.lock`, options);
  await file.lock(true);
  return { [Symbol.dispose]: () => file.close() };
}
