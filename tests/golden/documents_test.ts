/**
 * Holds README and docs/features.md against the tree: what they name is there.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert";
import { readConfig } from "../../config.ts";

const ROOT = new URL("../../", import.meta.url);
const DOCUMENTS = ["README.md", "docs/features.md", "docs/architecture.md"];

/** What stands in backticks or links and looks like a path of the project, and no setting, URL or command. */
const PATH = /^(?:[\w.-]+\/)+[\w.-]*$|^[\w-]+\.(?:ts|json|yml|md)$|^Dockerfile$/;
/** Made when the program runs, named by users, or not in the tree at all. */
const NOT_IN_TREE = new Set(["prices.csv", "./data"]);

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(path, ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

for (const document of DOCUMENTS) {
  Deno.test(`every path and every task that ${document} names is there`, async () => {
    const text = await Deno.readTextFile(new URL(document, ROOT));
    const folder = document.slice(0, document.lastIndexOf("/") + 1);
    const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, path]) => path!);
    const linked = [...text.matchAll(/\]\(([^):#]+)(?:#[^)]*)?\)/g)].map(([, path]) =>
      folder + path
    );
    const paths = new Set(
      [...quoted, ...linked].filter((path) =>
        PATH.test(path) && !path.startsWith("/") && !NOT_IN_TREE.has(path)
      ),
    );
    ok(paths.size > 0);
    const missing: string[] = [];
    for (const path of paths) {
      // architecture.md names files of a role from its own row; README's from the root.
      if (!await exists(path) && !await isInSomeFolder(path)) missing.push(path);
    }
    deepStrictEqual(missing, [], `${document} names what is not there`);

    const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
    const named = [...text.matchAll(/deno task ([a-z:]+)/g)].map(([, name]) => name!);
    deepStrictEqual(named.filter((name) => !(name in tasks)), []);
  });
}

/** Whether a bare file name is that of a file in one of the roles' folders. */
async function isInSomeFolder(path: string): Promise<boolean> {
  if (path.includes("/")) return false;
  for (const folder of ["aggregator", "sampler", "writer", "monitor", "notifier"]) {
    if (await exists(`${folder}/${path}`)) return true;
  }
  return false;
}

Deno.test("the example of docs/channels.md is a right configuration, and each type has a section", async () => {
  const text = await Deno.readTextFile(new URL("docs/channels.md", ROOT));
  const content = JSON.parse(/```json\n(.*?)```/s.exec(text)![1]!);
  const environment = { SOURCES: "simulated" };
  const { problems } = readConfig({ environment, file: { path: "docs/channels.md", content } });
  deepStrictEqual(problems, []);
  const types = ["smtp", "twilio", "webhook", "alertmanager", "log"];
  deepStrictEqual(types.filter((type) => !text.includes(`\n## ${type}\n`)), []);
});
