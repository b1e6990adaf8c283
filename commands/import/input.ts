/**
 * Files of history: bytes → lines → rows, in batches, packed (gzip) or not.
 *
 * @module
 */
import { type RefusedRow, type Row, type RowLimits, type RowReader, rowReaderFor } from "./rows.ts";

/** Bytes read at once. */
const READ_BYTES = 262_144;

/** A longer line is no row; so a file without line ends cannot fill the memory. */
const LINE_LENGTH_MAX = 65_536;

/** The rows of some lines of a file. */
export interface RowBatch {
  rows: readonly Row[];
  refused: readonly (RefusedRow & { lineNumber: number })[];
}

/** The name that means standard input. */
export const STANDARD_INPUT = "-";

/**
 * Reads a file, told CSV from NDJSON and packed from plain by its content.
 *
 * @param onBytes Told how many bytes of the file were read since it was last told.
 * @throws {Error} Where it cannot be read to its end, or is neither; the message names it.
 */
export async function* readRows(
  path: string,
  limits: RowLimits,
  onBytes: (count: number) => void = () => {},
): AsyncGenerator<RowBatch> {
  let read: RowReader | null = null;
  let lineNumber = 0;
  try {
    for await (const lines of lineBatches(path, onBytes)) {
      const rows: Row[] = [];
      const refused: (RefusedRow & { lineNumber: number })[] = [];
      for (const line of lines) {
        lineNumber++;
        if (line === null) {
          const detail = `longer than ${LINE_LENGTH_MAX} characters`;
          refused.push({ reason: "malformed", detail, lineNumber });
        } else if (line !== "") {
          if (read === null) {
            const reader = rowReaderFor(line, limits);
            read = reader.read;
            if (!reader.isRow) continue;
          }
          const row = read(line);
          if ("reason" in row) refused.push({ ...row, lineNumber });
          else rows.push(row);
        }
      }
      yield { rows, refused };
    }
  } catch (cause) {
    throw new Error(`${path}: ${problemOf(cause as Error)}`, { cause });
  }
}

/** The lines of a file, in batches; `null` stands for one that is too long. */
async function* lineBatches(
  path: string,
  onBytes: (count: number) => void,
): AsyncGenerator<(string | null)[]> {
  const decoder = new TextDecoder();
  let rest = "";
  let tooLong = false;
  for await (const bytes of unpacked(bytesOf(path, onBytes))) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop()!;
    const lines = parts.map((part, i) => (i === 0 && tooLong) ? null : lineOf(part));
    if (parts.length > 0) tooLong = false;
    if (rest.length > LINE_LENGTH_MAX) {
      tooLong = true;
      rest = "";
    }
    yield lines;
  }
  rest += decoder.decode();
  if (tooLong || rest !== "") yield [tooLong ? null : lineOf(rest)];
}

function lineOf(text: string): string | null {
  if (text.length > LINE_LENGTH_MAX) return null;
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}

async function* bytesOf(
  path: string,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const file = path === STANDARD_INPUT ? Deno.stdin : await Deno.open(path);
  try {
    for (;;) {
      const bytes = new Uint8Array(READ_BYTES);
      const count = await file.read(bytes);
      if (count === null) return;
      onBytes(count);
      yield bytes.subarray(0, count);
    }
  } finally {
    if (file !== Deno.stdin) file.close();
  }
}

async function* unpacked(
  bytes: AsyncGenerator<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array> {
  // Closed here too: a stream that fails closes what it reads from when it comes to it.
  try {
    const first = await bytes.next();
    if (first.done) return;
    const all = async function* () {
      yield first.value;
      yield* bytes;
    };
    const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
    if (!isGzip) yield* all();
    else yield* ReadableStream.from(all()).pipeThrough(new DecompressionStream("gzip"));
  } finally {
    await bytes.return(undefined);
  }
}

function problemOf(error: Error): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not read it";
  return error.message;
}
