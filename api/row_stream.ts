/**
 * Answers that are too long to hold: rows are read from the store a page at a time, as fast as the
 * client takes them, and no longer than it does. What was sent cannot be taken back, so an answer
 * that fails half way is cut off: its chunked form does not end, which every client reports. (Hono's
 * `stream()` would end it as if it were whole.)
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Context } from "hono";
import { RequestProblem } from "./problem.ts";
import type { RowText } from "./row_text.ts";
import { Slots } from "./slots.ts";

/** Rows of one page: half a megabyte of text, some milliseconds of the store's time. */
const PAGE_ROWS_MAX = 1000;

/** Most long answers under way at once: each keeps the store busy for as long as its client reads. */
const STREAM_COUNT_MAX = 8;

/** A client that takes nothing for so long, in ms, is gone or harms others. */
const IDLE_TIME_MAX_MS = 30_000;

const logger = getLogger(["data-tracker", "api"]);

/** What the long answers of one API share. */
export interface Streams {
  slots: Slots;
  idleTimeMaxMs: number;
}

declare module "hono" {
  interface ContextVariableMap {
    streams: Streams;
  }
}

/** As an API has it. */
export function createStreams(): Streams {
  return { slots: new Slots(STREAM_COUNT_MAX), idleTimeMaxMs: IDLE_TIME_MAX_MS };
}

/** Where rows come from, a page at a time. */
export interface RowPages<Place, Row> {
  /** Rows after `place`, or from the start: up to `limit`, and one more where there are more. */
  read(limit: number, place: Place | undefined): Promise<readonly Row[]>;
  place(row: Row): Place;
  /** The text of a row. */
  line(row: Row): string;
  /** Rows to read at once; {@link PAGE_ROWS_MAX} unless given. */
  pageRowsMax?: number;
}

/** Which rows to send. */
export interface RowRange<Place> {
  /** Go on after this place. */
  place: Place | undefined;
  /** At most this many rows; `Infinity`: all. */
  limit: number;
}

/**
 * Answers with rows as they are read. The first page is read before it answers, so that what is wrong
 * with the request or the store is still told by a status.
 *
 * @throws {RequestProblem} 503, where as many others are under way as may be.
 */
export async function answerRows<Place, Row>(
  c: Context,
  { contentType, head }: Pick<RowText, "contentType" | "head">,
  pages: RowPages<Place, Row>,
  range: RowRange<Place>,
  { slots, idleTimeMaxMs }: Streams,
): Promise<Response> {
  const chunks = chunksOf(slots, head, pages, range);
  const first = await chunks.next();
  c.header("Content-Type", contentType);
  if (c.req.method === "HEAD") {
    await chunks.return();
    return c.body(null);
  }
  return c.body(streamOf(first, chunks, idleTimeMaxMs));
}

async function* chunksOf<Place, Row>(
  slots: Slots,
  head: string,
  pages: RowPages<Place, Row>,
  { place, limit }: RowRange<Place>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  using slot = slots.take();
  if (slot === null) {
    const detail = `${slots.countMax} long answers are under way, as many as may be; ask again ` +
      "when one has ended, or for JSON";
    throw new RequestProblem(503, { detail, headers: { "retry-after": "10" } });
  }
  const encoder = new TextEncoder();
  let text = head;
  for (let leftCount = limit; leftCount > 0;) {
    const asked = Math.min(pages.pageRowsMax ?? PAGE_ROWS_MAX, leftCount);
    const rows = await pages.read(asked, place);
    const page = rows.slice(0, asked);
    text += page.map((row) => pages.line(row)).join("");
    if (text !== "") yield encoder.encode(text);
    text = "";
    if (rows.length <= asked) return;
    leftCount -= page.length;
    place = pages.place(page.at(-1)!);
  }
}

/** Asks for the next chunk when the one before was taken: nothing is read ahead. */
function streamOf(
  first: IteratorResult<Uint8Array<ArrayBuffer>, void>,
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>, void>,
  idleTimeMaxMs: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let idleTimer: ReturnType<typeof setTimeout> | undefined;
  let next: typeof first | null = first;
  let isOver = false;
  const end = async () => {
    isOver = true;
    clearTimeout(idleTimer);
    await chunks.return();
  };
  const waitForReader = (controller: ReadableStreamDefaultController) => {
    idleTimer = setTimeout(() => {
      controller.error(new Error(`Nothing was read for ${idleTimeMaxMs} ms`));
      void end();
    }, idleTimeMaxMs);
  };
  return new ReadableStream({
    start: waitForReader,
    async pull(controller) {
      clearTimeout(idleTimer);
      try {
        const { done, value } = next ?? await chunks.next();
        next = null;
        if (isOver) return;
        if (done) return controller.close();
        // Before the chunk is there: whoever takes it may be gone by the time that this returns.
        waitForReader(controller);
        controller.enqueue(value);
      } catch (error) {
        const problem = (error as Error).message;
        logger.warn("An answer was cut off half way: {problem}", { problem });
        throw error;
      }
    },
    cancel: end,
  }, { highWaterMark: 0 });
}
