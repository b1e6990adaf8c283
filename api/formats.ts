/**
 * The formats that rows of a list come in, and which of them a request wants.
 *
 * @module
 */
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { RequestProblem } from "./problem.ts";

/** Media types, by the name of the format; of equally wanted ones the first is given. */
export const FORMATS = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  csv: "text/csv",
} as const;

/** One of {@link FORMATS}. */
export type Format = keyof typeof FORMATS;

const NAMES = Object.keys(FORMATS) as Format[];

interface Accept {
  type: string;
  q: number;
}

/**
 * The format that `Accept` wants: JSON where it takes anything, as browsers do.
 *
 * @throws {RequestProblem} 406, where it takes none of them.
 */
export function formatOf(c: Context): Format {
  const format = wantedFormat(c);
  if (format !== null) return format;
  const types = Object.values(FORMATS).join(", ");
  throw new RequestProblem(406, {
    detail: `Accept takes none of ${types}, which are all there is`,
  });
}

/** The same; `null` where it takes none of them. */
export function wantedFormat(c: Context): Format | null {
  const name = accepts(c, {
    header: "Accept",
    supports: NAMES,
    default: "json",
    match: (wanted) => preferred(wanted) ?? "",
  });
  return name === "" ? null : name as Format;
}

/**
 * By RFC 9110, 12.5.1, the most specific range that fits a type weighs it. Of equal weights the one
 * that was named more exactly is taken: `text/csv, *\/*` means CSV.
 */
function preferred(wanted: readonly Accept[]): Format | null {
  let best: { name: Format; q: number; exactness: number } | null = null;
  for (const name of NAMES) {
    const type = FORMATS[name];
    const ranges = [`${type.slice(0, type.indexOf("/"))}/*`, type];
    const exactness = (range: string) => range === "*/*" ? 0 : ranges.indexOf(range) + 1;
    const fitting = wanted.map(({ type, q }) => ({ range: type.toLowerCase(), q }))
      .filter(({ range }) => range === "*/*" || ranges.includes(range))
      .toSorted((a, b) => exactness(b.range) - exactness(a.range))[0];
    if (fitting === undefined || fitting.q === 0) continue;
    const found = { name, q: fitting.q, exactness: exactness(fitting.range) };
    if (
      best === null || found.q > best.q || (found.q === best.q && found.exactness > best.exactness)
    ) best = found;
  }
  return best?.name ?? null;
}
