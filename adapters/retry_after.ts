/**
 * The header `Retry-After`.
 *
 * @module
 */

/** `Retry-After` in seconds or as a date, as ms since the epoch; `null` where it says nothing. */
export function retryAtOf(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const atMs = /^\d+$/.test(header) ? nowMs + Number(header) * 1000 : Date.parse(header);
  return Number.isFinite(atMs) ? atMs : null;
}
