/**
 * Tries what its arguments say (JSON) and prints what was permitted: run by the test, under the
 * flags of a configuration.
 *
 * @module
 */

/** What to try. */
export interface Attempts {
  read: readonly string[];
  write: readonly string[];
  /** `host:port`; 0 is listened on, others are connected to. */
  net: readonly string[];
  env: readonly string[];
}

type Outcome = "permitted" | "refused";

function outcomeOf(error: unknown): Outcome {
  // Anything else went wrong behind the permission: nobody listens, say.
  return error instanceof Deno.errors.NotCapable ? "refused" : "permitted";
}

async function attempt(work: () => unknown): Promise<Outcome> {
  try {
    await work();
    return "permitted";
  } catch (error) {
    return outcomeOf(error);
  }
}

async function touch(address: string): Promise<void> {
  const cut = address.lastIndexOf(":");
  const [hostname, port] = [address.slice(0, cut), Number(address.slice(cut + 1))];
  if (port === 0) Deno.listen({ hostname, port }).close();
  else (await Deno.connect({ hostname, port })).close();
}

if (import.meta.main) {
  const { read, write, net, env }: Attempts = JSON.parse(Deno.args[0]!);
  const all = async (names: readonly string[], work: (name: string) => unknown) =>
    Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await attempt(() => work(name))])),
    );
  const outcomes = {
    read: await all(read, (path) => Deno.readTextFile(path)),
    write: await all(write, (path) => Deno.writeTextFile(path, "")),
    net: await all(net, touch),
    env: Object.fromEntries(env.map((name) => [name, Deno.env.get(name) ?? null])),
    run: await attempt(() => new Deno.Command(Deno.execPath()).output()),
    ffi: await attempt(() => Deno.dlopen("libc.so.6", {})),
    sys: await attempt(() => Deno.hostname()),
  };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(outcomes)));
}
