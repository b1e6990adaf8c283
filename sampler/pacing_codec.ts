/**
 * A source's pacing as the state store keeps it. JSON, schema version 1.
 *
 * @module
 */
import { z } from "zod";
import { refuseNewer } from "../adapters/codecs/schema_version.ts";
import type { PacingState } from "./pacing.ts";

const PACING_VERSION = 1;

const pacingSchema = z.object({
  v: z.literal(PACING_VERSION),
  dueMs: z.number(),
  budget: z.object({
    costPerPoll: z.number(),
    remaining: z.number(),
    resetMs: z.number().nullable(),
  }).nullable(),
  returnMs: z.number(),
  capacity: z.number(),
  spent: z.array(z.tuple([z.number(), z.number()])),
  refusalCount: z.number().int(),
});

/** Writes a pacing state. */
export function encodePacing(state: PacingState): string {
  return JSON.stringify({ v: PACING_VERSION, ...state });
}

/**
 * Reads what {@link encodePacing} wrote; `null` where the text is damaged.
 *
 * @throws {NewerSchemaError} Where a newer program wrote it.
 */
export function decodePacing(text: string): PacingState | null {
  let json: { v?: unknown } | null;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  refuseNewer("budget", json?.v, PACING_VERSION);
  const result = pacingSchema.safeParse(json);
  if (!result.success) return null;
  const { v: _, ...state } = result.data;
  return state;
}
