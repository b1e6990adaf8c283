/**
 * Cursors: where a page ended, so that the next goes on there whatever was stored meanwhile. To a
 * client they are opaque; inside is base64url of JSON `[version, list, place]`.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";

/** The newest form of a cursor that this program knows. */
const VERSION = 1;

/** Longest cursor read: an honest one holds a notification's id of 320 characters, three bytes each at worst. */
const LENGTH_MAX = 1400;

const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;
const ERROR = "is not a cursor of this list: take it, unchanged, from nextCursor";

/** Writes the cursor of a place in `list`. */
export function encodeCursor(list: string, place: unknown): string {
  const json = JSON.stringify([VERSION, list, place]);
  return new TextEncoder().encode(json).toBase64(BASE64URL);
}

/** The parameter that reads what {@link encodeCursor} wrote, and refuses all else. */
export function cursorParameter<Place extends z.ZodType>(list: string, place: Place) {
  const schema = z.tuple([z.literal(VERSION), z.literal(list), place]);
  return z.string().transform((text, context) => {
    const result = schema.safeParse(text.length > LENGTH_MAX ? undefined : parse(text));
    if (result.success) return result.data[2] as z.output<Place>;
    context.addIssue({ code: "custom", message: ERROR });
    return z.NEVER;
  }).optional().openapi({
    description: "Goes on where a page ended: its nextCursor, with the other parameters unchanged.",
  });
}

function parse(text: string): unknown {
  try {
    const json = new TextDecoder().decode(Uint8Array.fromBase64(text, BASE64URL));
    // No id has this character, and no column of Postgres takes it.
    return json.includes("\\u0000") ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}
