/**
 * The sources by name, as the setting `SOURCES` lists them.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { MarketSource } from "../../ports/market_source.ts";
import { systemClock } from "../system_clock.ts";
import { type CryptowatchConfig, CryptowatchSource } from "./cryptowatch.ts";
import { type SimulatedConfig, SimulatedSource } from "./simulated.ts";

/** Which sources to poll, and the settings of those that have some; as the program's configuration has them. */
export interface SourcesConfig {
  sources: readonly string[];
  simulated: SimulatedConfig;
  cryptowatch: CryptowatchConfig | null;
}

interface SourceKind {
  create(config: SourcesConfig, clock: Clock): MarketSource;
  /** The addresses that it asks. */
  urls(config: SourcesConfig): readonly string[];
}

const KINDS: ReadonlyMap<string, SourceKind> = new Map<string, SourceKind>([
  ["simulated", {
    create: ({ simulated }, clock) => new SimulatedSource(clock, simulated),
    urls: () => [],
  }],
  ["cryptowatch", {
    create: (config, clock) => new CryptowatchSource(clock, cryptowatchOf(config)),
    urls: (config) => [cryptowatchOf(config).url],
  }],
]);

/**
 * Makes the sources, in the order named.
 *
 * @throws {TypeError} Where a name is unknown, or a source's settings are missing or wrong.
 */
export function createSources(config: SourcesConfig, clock: Clock = systemClock): MarketSource[] {
  return config.sources.map((name) => kindOf(name).create(config, clock));
}

/**
 * The `host:port` of everything that the sources ask, for the process's permissions.
 *
 * @throws {TypeError} As {@link createSources} does.
 */
export function sourceHosts(config: SourcesConfig): string[] {
  return config.sources.flatMap((name) => kindOf(name).urls(config)).map((address) => {
    const { hostname, port, protocol } = new URL(address);
    return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
  });
}

function kindOf(name: string): SourceKind {
  const kind = KINDS.get(name);
  if (kind !== undefined) return kind;
  throw new TypeError(`SOURCES: "${name}" is no source; known are ${[...KINDS.keys()].join(", ")}`);
}

function cryptowatchOf({ cryptowatch }: SourcesConfig): CryptowatchConfig {
  if (cryptowatch !== null) return cryptowatch;
  throw new TypeError(
    "CRYPTOWATCH_URL: needed with SOURCES=cryptowatch: the address of an API that speaks as Cryptowatch did",
  );
}
