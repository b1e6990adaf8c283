/**
 * Live statistics for any number of clients: one look at the store serves them all. Changes flow in
 * from the store, page by page; the same encoded bytes flow out to every client that wants them. A
 * client that does not read is dropped, and goes on later from the place it has.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../ports/clock.ts";
import type { StatisticsChange, StatisticsChanges } from "../ports/statistics_changes.ts";
import { StoreUnavailableError } from "../ports/statistics_store.ts";
import type { MarketFilters } from "../ports/market_filters.ts";
import { StreamClient } from "./stream_client.ts";
import { bytesOfEvents, bytesOfPlace, type EncodedChange, encodedChange } from "./stream_events.ts";

/** How often the store is looked at, in ms: little beside the interval at which statistics are published. */
const LOOK_INTERVAL_MS = 500;
/** After a look that failed, in ms. */
const RETRY_INTERVAL_MS = 2_000;
/** Changes of one look: some 400 kB of events. */
const PAGE_SIZE = 1_000;
/** Between two pages that follow at once, in ms: what was given to clients leaves for the network meanwhile. */
const PAGE_INTERVAL_MS = 50;
/** How often a client hears something, in ms: proxies cut connections that are silent for a minute. */
const HEARTBEAT_INTERVAL_MS = 15_000;
/** Clients that catch up at a time: each asks the store for itself. */
const CATCHING_UP_MAX = 4;

const logger = getLogger(["data-tracker", "api"]);

/** What the hub needs. */
export interface StreamDeps {
  changes: StatisticsChanges;
  clock: Clock;
  /** Ends all streams when it aborts. */
  stop: AbortSignal;
}

/** The clients, and the looking for them; it looks only while there are any. */
export class StreamHub {
  readonly #clients = new Set<StreamClient>();
  /** Up to here its clients have been told; `null`: nobody has been told anything. */
  #place: string | null = null;
  #looking: AbortController | null = null;
  #catchingUpCount = 0;
  readonly #queue: (() => void)[] = [];

  constructor(private readonly deps: StreamDeps) {
    deps.stop.addEventListener("abort", () => this.#end(), { once: true });
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /**
   * A stream of events from now on, or from just after a place.
   *
   * @param after The place, as an event's id has it; `null`: now.
   */
  open(filters: MarketFilters, after: string | null): ReadableStream<Uint8Array> {
    const client = new StreamClient(filters, () => this.#remove(client));
    this.#clients.add(client);
    if (this.deps.stop.aborted) client.end();
    else if (this.#place !== null && (after === null || after === this.#place)) {
      client.send(bytesOfPlace(this.#place));
      client.joinedAt = this.#place;
    } else {
      this.#join(client, after).catch((error) => {
        this.#report(error);
        client.fail(error);
      });
    }
    return client.stream;
  }

  /** Brings a client to where the others are, and lets it be told with them from there on. */
  async #join(client: StreamClient, after: string | null): Promise<void> {
    if (this.#catchingUpCount >= CATCHING_UP_MAX) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#catchingUpCount++;
    try {
      let place = after ?? await this.#present();
      if (after === null) client.send(bytesOfPlace(place));
      for (;;) {
        // It reads at its own pace, and nothing is held for it.
        await client.drained();
        if (client.isGone) return;
        const page = await this.deps.changes.changes(place, PAGE_SIZE);
        if (page === null) {
          place = await this.#present();
          client.tellGap(place);
          continue;
        }
        client.tell(page.changes.map(encodedChange), page.place);
        place = page.place;
        // Whoever the others have gone past in the meantime looks once more.
        if (!page.isFull && !isBefore(place, this.#place)) break;
      }
      client.joinedAt = place;
      this.#look();
    } finally {
      this.#catchingUpCount--;
      this.#queue.shift()?.();
    }
  }

  async #present(): Promise<string> {
    return (await this.deps.changes.changes(null, 1))!.place;
  }

  #remove(client: StreamClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#looking?.abort();
  }

  #end(): void {
    this.#looking?.abort();
    for (const client of [...this.#clients]) client.end();
  }

  /** Looks at the store until the last client has gone. */
  async #look(): Promise<void> {
    if (this.#looking !== null) return;
    const { clock, stop } = this.deps;
    const { signal } = this.#looking = new AbortController();
    this.#place = null;
    let heardMs = clock.nowMs();
    while (!signal.aborted && !stop.aborted) {
      let waitMs = LOOK_INTERVAL_MS;
      try {
        this.#place ??= this.#leastPlace();
        const isFull = this.#place !== null && await this.#tellPage(this.#place, signal);
        if (isFull) waitMs = PAGE_INTERVAL_MS;
      } catch (error) {
        waitMs = RETRY_INTERVAL_MS;
        this.#report(error as Error);
      }
      if (clock.nowMs() - heardMs >= HEARTBEAT_INTERVAL_MS && this.#place !== null) {
        heardMs = clock.nowMs();
        const bytes = bytesOfPlace(this.#place);
        for (const client of this.#joined()) client.beat(bytes, this.#place);
      }
      await clock.sleep(waitMs, signal);
    }
    this.#looking = null;
    this.#place = null;
    // Somebody may have come while the last look was under way.
    if (!stop.aborted && this.#joined().length > 0) this.#look();
  }

  /** Tells all clients of the changes that follow a place; whether more may follow at once. */
  async #tellPage(after: string, signal: AbortSignal): Promise<boolean> {
    const page = await this.deps.changes.changes(after, PAGE_SIZE);
    if (signal.aborted) return false;
    if (page === null) {
      // So much was stored between two looks that some of it is forgotten, or the store is another.
      const place = await this.#present();
      for (const client of this.#joined()) client.tellGap(place);
      this.#place = place;
      return false;
    }
    this.#tell(page.changes, page.place);
    this.#place = page.place;
    return page.isFull;
  }

  #tell(changes: readonly StatisticsChange[], place: string): void {
    if (changes.length === 0) return;
    const encoded = changes.map(encodedChange);
    // Clients that want the same are given the same bytes.
    const shared = new Map<string, Uint8Array>();
    for (const client of this.#joined()) {
      if (client.joinedAt >= changes[0]!.place) {
        client.tell(encoded, place);
        continue;
      }
      let bytes = shared.get(client.filterKey);
      if (bytes === undefined) {
        bytes = bytesOfEvents(encoded.filter((change: EncodedChange) => client.wants(change)));
        shared.set(client.filterKey, bytes);
      }
      if (bytes.length > 0) client.send(bytes);
    }
  }

  /** A store that is away is told where it is asked; all else is nobody's but the program's. */
  #report(error: Error): void {
    if (error instanceof StoreUnavailableError) return;
    logger.error("Live statistics failed: {problem}", { problem: error.message, error });
  }

  #joined(): StreamClient[] {
    return [...this.#clients].filter((client) => client.joinedAt !== "");
  }

  #leastPlace(): string | null {
    return this.#joined().map((client) => client.joinedAt).sort()[0] ?? null;
  }
}

/** Whether a place is before another of the same store, whose places begin alike. */
function isBefore(place: string, other: string | null): boolean {
  return other !== null && place.slice(0, 8) === other.slice(0, 8) && place < other;
}
