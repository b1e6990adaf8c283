/**
 * Java libraries from Maven, fetched once for all runs.
 *
 * @module
 */

/** The logger of Kafka's libraries; with a newer one they say nothing. */
export const SLF4J_SIMPLE = "org.slf4j:slf4j-simple:1.7.36";

const CACHE = new URL("../../.cache/kafka/", import.meta.url).pathname;

/** Where {@link mavenJars} puts the jars of this name. */
export function jarFolder(name: string): string {
  return `${CACHE}${name}`;
}

/**
 * Fetches libraries and all that they depend on, unless they are there.
 *
 * @param name Of their folder; it must change with the libraries.
 * @param dependencies As `group:artifact:version`; with ` alone` after it, without what it depends on.
 * @throws Where Maven fails.
 */
export async function mavenJars(name: string, dependencies: readonly string[]): Promise<void> {
  const folder = jarFolder(name);
  if (!await exists(folder)) await fetchJars(folder, dependencies);
}

/** Two that race each make a folder of their own; one's is kept. */
async function fetchJars(folder: string, dependencies: readonly string[]): Promise<void> {
  await Deno.mkdir(CACHE, { recursive: true });
  const work = await Deno.makeTempDir({ dir: CACHE, prefix: "fetch-" });
  try {
    await Deno.writeTextFile(`${work}/pom.xml`, pomOf(dependencies));
    const copy = ["dependency:copy-dependencies", "-DoutputDirectory=jars"];
    const args = ["-q", "-B", "-Dstyle.color=never", ...copy];
    const result = await new Deno.Command("mvn", { args, cwd: work }).output();
    if (!result.success) {
      const said = new TextDecoder().decode(result.stdout);
      throw new Error(`mvn could not fetch ${dependencies.join(", ")}: ${said}`);
    }
    await Deno.rename(`${work}/jars`, folder).catch(async (error) => {
      if (!await exists(folder)) throw error;
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function pomOf(dependencies: readonly string[]): string {
  const elements = dependencies.map((text) => {
    const [coordinates, alone] = text.split(" ");
    const [group, artifact, version] = coordinates!.split(":");
    const exclusions = alone
      ? "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
      : "";
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
      `<version>${version}</version>${exclusions}</dependency>\n`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>jars</artifactId><version>1</version>
<dependencies>${elements.join("")}</dependencies></project>`;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
