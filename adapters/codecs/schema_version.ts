/**
 * What every codec says of a record that a newer program wrote.
 *
 * @module
 */

/** A record bears a schema version that this program does not know: reading it by guess could lose what it says. */
export class NewerSchemaError extends Error {
  override name = "NewerSchemaError";
}

/** @throws {NewerSchemaError} Where `version` is a number above `known`. */
export function refuseNewer(record: string, version: unknown, known: number): void {
  if (typeof version !== "number" || version <= known) return;
  throw new NewerSchemaError(
    `${record} record of schema version ${version}: this program knows ${known}; upgrade it`,
  );
}
