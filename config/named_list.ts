/**
 * A setting that is a JSON list of named things: rules, channels.
 *
 * @module
 */
import { z } from "zod";

/** What such a list is. */
export interface ListOptions<T> {
  /** What one of them is called. */
  one: string;
  countMax: number;
  /** A list as it must be. */
  example: string;
  /** The page that lists the fields. */
  page: string;
  /** What is wrong with one that is right by its schema. */
  check(item: T): { field: string; message: string } | null;
}

/** The setting's text → the list; every issue has its path in the JSON. */
export function namedList<T extends { name: string }>(
  item: z.ZodType<T>,
  options: ListOptions<T>,
): z.ZodType<readonly T[], string> {
  const { one, countMax, example, page } = options;
  return z.string().transform((text, context) => {
    const json = parseJson(text);
    if (!Array.isArray(json) || json.length > countMax) {
      const message = `must be a JSON list of ${countMax} ${one}s at most, like ${example}` +
        jsonFault(text);
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }
    const result = z.array(item).safeParse(json);
    const issues = result.success
      ? issuesOf(result.data, options)
      : result.error.issues.flatMap((issue) => issueInWords(issue, page));
    for (const issue of issues) context.issues.push({ code: "custom", ...issue, input: text });
    return result.data ?? z.NEVER;
  });
}

/** What a text says as JSON; `null` where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Where a text stops being JSON; of the text nothing, for it may hold secrets. */
function jsonFault(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    const [place] = /line \d+ column \d+/.exec((error as Error).message) ?? [];
    return place === undefined ? "; it is no JSON" : `; it is no JSON from ${place} on`;
  }
}

/** One issue for each field that there is not; others have their words. */
function issueInWords(issue: z.core.$ZodIssue, page: string) {
  const { path, message } = issue;
  if (issue.code === "unrecognized_keys") {
    const text = `no such field; ${page} lists them`;
    return issue.keys.map((key) => ({ path: [...path, key], message: text }));
  }
  return [{ path: [...path], message, ...(issue.code === "custom" && { params: issue.params }) }];
}

function* issuesOf<T extends { name: string }>(
  items: readonly T[],
  { one, check }: ListOptions<T>,
) {
  const names = new Set<string>();
  for (const [i, item] of items.entries()) {
    if (names.has(item.name)) {
      const message = `${item.name} is another ${one}'s name too; each must have its own`;
      yield { path: [i, "name"], message };
    }
    names.add(item.name);
    const wrong = check(item);
    if (wrong !== null) yield { path: [i, wrong.field], message: wrong.message };
  }
}
