/**
 * Prices that move as prices do, as a pure function of seed and time: any moment of any day can be
 * had at once, and is the same after every restart.
 *
 * A logarithm of a price is a sum of noises, each twice as slow and √2 times as high as the one before
 * (value noise, Perlin 1985): over any time between the fastest and the slowest it wanders as a
 * random walk does, by volatility × √time, and beyond the slowest it stays around its start. Leaps
 * that die away come on top.
 *
 * @module
 */
import { murmur2 } from "../../stats/murmur2.ts";

const YEAR_S = 365 * 86_400;

/** Height of the noises that gives a random walk of unit variance per second: four thirds times two faster ones, two slower ones. */
const NOISE_HEIGHT = 0.46;

/** One leap is drawn for each of these blocks of time, in s… */
const LEAP_BLOCK_S = 6 * 3600;
/** …and happens in one of so many. */
const LEAP_RARITY = 4;
/** How long a leap takes to fall to 1/e, in s. */
const LEAP_DECAY_S = 2 * 3600;

/** How a wandering value moves. */
export interface Wander {
  /** Names its path: the same name and seed, the same path. */
  name: string;
  /** Standard deviation of a year's change of the logarithm. */
  volatility: number;
  /** The fastest and the slowest noise, as powers of two in s. */
  octaves: readonly [fastest: number, slowest: number];
  /** Height of its leaps, of the logarithm; 0: none. */
  leap: number;
}

/** The change of a logarithm over time. */
export type Path = (timeS: number) => number;

/**
 * Makes the path of a wandering value.
 *
 * @example
 * ```ts
 * import { pathOf } from "./simulated_price.ts";
 * import assert from "node:assert/strict";
 *
 * const btc = { name: "btc", volatility: 0.5, octaves: [0, 22], leap: 0.05 } as const;
 * assert.equal(pathOf(1, btc)(1_700_000_000), pathOf(1, btc)(1_700_000_000));
 * ```
 */
export function pathOf(seed: number, { name, volatility, octaves, leap }: Wander): Path {
  const key = murmur2(`${seed}/${name}`);
  const [fastest, slowest] = octaves;
  const perSecond = volatility / Math.sqrt(YEAR_S) * NOISE_HEIGHT;
  return (timeS) => {
    let sum = 0;
    for (let octave = fastest; octave <= slowest; octave++) {
      const spacingS = 2 ** octave;
      const place = Math.floor(timeS / spacingS);
      const part = timeS / spacingS - place;
      const from = bell(hash(key + octave, place));
      const to = part === 0 ? 0 : bell(hash(key + octave, place + 1));
      sum += perSecond * Math.sqrt(spacingS) * (from + (to - from) * part);
    }
    return leap === 0 ? sum : sum + leapsAt(key, timeS) * leap;
  };
}

/** The leaps of this block and of the one before: older ones have died away. */
function leapsAt(key: number, timeS: number): number {
  const block = Math.floor(timeS / LEAP_BLOCK_S);
  let sum = 0;
  for (let b = block - 1; b <= block; b++) {
    const draw = hash(key ^ 0x5bd1e995, b);
    if (draw % LEAP_RARITY !== 0) continue;
    const ageS = timeS - b * LEAP_BLOCK_S - (draw >>> 3) % LEAP_BLOCK_S;
    const height = ((draw & 4) === 0 ? 1 : -1) * (0.4 + 0.6 * (draw >>> 8 & 255) / 255);
    // To zero at the end of the next block, where it is no longer looked for.
    if (ageS >= 0) sum += height * Math.exp(-ageS / LEAP_DECAY_S) * (1 - ageS / (2 * LEAP_BLOCK_S));
  }
  return sum;
}

/** A number of mean 0 and variance 1, near enough normal where several are added: two even dice of 16 bits. */
function bell(bits: number): number {
  return ((bits & 0xffff) + (bits >>> 16) - 0xffff) * (Math.sqrt(6) / 0x10000);
}

/** 32 even bits of a key and a place (Wellons' "lowbias32" mix). */
function hash(key: number, place: number): number {
  let h = Math.imul(place, 0x9e3779b1) ^ key;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}
