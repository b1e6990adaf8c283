/**
 * What a role's commit says of itself, as JSON with a version. Pure.
 *
 * @module
 */

/** Writes the commit's metadata: at most 4 kB, where every part is bounded. */
export function encodeCommit(version: number, checkpoint: object): string {
  return JSON.stringify({ v: version, ...checkpoint });
}

/** Reads {@link encodeCommit}. @throws {TypeError} Where it is none, or of another version than this program knows. */
export function decodeCommit<T>(version: number, metadata: string): T {
  let json;
  try {
    json = JSON.parse(metadata);
  } catch (cause) {
    throw new TypeError(`Not a checkpoint: ${metadata.slice(0, 80)}`, { cause });
  }
  const { v, ...checkpoint } = json ?? {};
  if (v === version) return checkpoint as T;
  throw new TypeError(
    `checkpoint of version ${v}: this program knows ${version}; was a newer one running?`,
  );
}
