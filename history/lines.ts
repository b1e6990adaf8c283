/**
 * Lines of a file, with their numbers: plain or gzip, any line end, and no line so long that it
 * could fill the memory.
 *
 * @module
 */

/** Longest line read, in characters: an honest one has about 60. */
const LINE_LENGTH_MAX = 10_000;

/** A line, or why there is none. */
export interface Line {
  /** From 1. */
  number: number;
  /** `null` where it is longer than {@link LINE_LENGTH_MAX}. */
  text: string | null;
}

/**
 * Reads a file's lines, some thousand at a time.
 *
 * @param onBytes Told how many bytes of the file were read since the last time.
 * @throws {Error} Where the file cannot be read, or is no gzip although it is named `.gz`.
 */
export async function* linesOf(
  path: string,
  onBytes: (byteCount: number) => void,
): AsyncGenerator<readonly Line[]> {
  let number = 0;
  let rest = "";
  let isTooLong = false;
  for await (const text of textOf(path, onBytes)) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    const lines: Line[] = parts.map((part, i) => {
      number++;
      const long = (i === 0 && isTooLong) || part.length > LINE_LENGTH_MAX;
      return { number, text: long ? null : part.endsWith("\r") ? part.slice(0, -1) : part };
    });
    if (lines.length > 0) isTooLong = false;
    if (rest.length > LINE_LENGTH_MAX) {
      isTooLong = true;
      rest = "";
    }
    if (lines.length > 0) yield lines;
  }
  if (rest !== "" || isTooLong) yield [{ number: number + 1, text: isTooLong ? null : rest }];
}

async function* textOf(path: string, onBytes: (byteCount: number) => void): AsyncIterable<string> {
  try {
    const file = await Deno.open(path);
    const counted = file.readable.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          onBytes(chunk.length);
          controller.enqueue(chunk);
        },
      }),
    );
    const bytes = path.endsWith(".gz")
      ? counted.pipeThrough(new DecompressionStream("gzip"))
      : counted;
    // Drops a byte order mark, as its default is.
    yield* bytes.pipeThrough(new TextDecoderStream());
  } catch (cause) {
    throw new Error(`${path}: cannot be read (${(cause as Error).message})`, { cause });
  }
}
