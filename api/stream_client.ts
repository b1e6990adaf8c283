/**
 * One client of the live statistics: its stream, what it wants, and how far it was told.
 *
 * @module
 */
import { type MarketFilters, matchesFilters } from "../ports/market_filters.ts";
import { bytesOfEvents, bytesOfGap, type EncodedChange } from "./stream_events.ts";

/** Bytes that may wait for a client, one page beyond it; they are shared with those who want the same. */
const QUEUE_BYTES_MAX = 1024 * 1024;

/** A client. What is given to it waits in its stream until the network takes it. */
export class StreamClient {
  readonly stream: ReadableStream<Uint8Array>;
  /** All filters as one text: the same for whoever wants the same. */
  readonly filterKey: string;
  /** Up to where it had been told when it joined the others; empty: it has still to catch up. */
  joinedAt = "";
  isGone = false;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #onDrained: (() => void) | null = null;

  /** @param onGone Called once, when it has left, was dropped or was ended. */
  constructor(private readonly filters: MarketFilters, private readonly onGone: () => void) {
    const { exchange, instrument, base, quote } = filters;
    this.filterKey = JSON.stringify([exchange, instrument, base, quote]);
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#onDrained?.(),
      cancel: () => this.#leave(),
    }, { highWaterMark: QUEUE_BYTES_MAX, size: (chunk) => chunk.byteLength });
  }

  wants({ row }: EncodedChange): boolean {
    return matchesFilters(this.filters, row);
  }

  /** Tells it of those changes that it wants and was not told of. */
  tell(changes: readonly EncodedChange[], place: string): void {
    const wanted = changes.filter((change) => change.place > this.joinedAt && this.wants(change));
    if (wanted.length > 0) this.send(bytesOfEvents(wanted));
    if (this.joinedAt !== "" && place > this.joinedAt) this.joinedAt = place;
  }

  tellGap(place: string): void {
    this.send(bytesOfGap(place));
    if (this.joinedAt !== "") this.joinedAt = place;
  }

  /** A sign of life, unless it knows more than that already. */
  beat(bytes: Uint8Array, place: string): void {
    if (place >= this.joinedAt) this.send(bytes);
  }

  /** Gives it bytes, or drops it where it has not taken those before: memory is not for who does not read. */
  send(bytes: Uint8Array): void {
    if (this.isGone) return;
    if (this.#controller.desiredSize! > 0) this.#controller.enqueue(bytes);
    else this.fail(new Error("The client does not read what it is sent"));
  }

  /** Resolves when it has room, or has gone. */
  async drained(): Promise<void> {
    while (!this.isGone && this.#controller.desiredSize! <= 0) {
      await new Promise<void>((resolve) => this.#onDrained = resolve);
    }
  }

  /** Ends its stream: it will come again and go on where it was. */
  end(): void {
    if (this.isGone) return;
    this.#controller.close();
    this.#leave();
  }

  /** Cuts its stream; what waits for it is forgotten. */
  fail(error: unknown): void {
    if (this.isGone) return;
    this.#controller.error(error);
    this.#leave();
  }

  #leave(): void {
    this.isGone = true;
    this.#onDrained?.();
    this.onGone();
  }
}
