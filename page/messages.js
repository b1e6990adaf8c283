/**
 * The messages that are looked at: of one partition or merged over all of them by the time at which
 * the log took them, with a way on in both directions.
 *
 * @module
 */
import { timeOf } from "./state.js";

/** Most messages kept while live ones arrive: then the oldest go. */
const KEPT_MAX = 2000;

/** Most that one look at a partition brings while live. */
const LIVE_LIMIT = 500;

/** Pages of this many partitions are asked for whole, so that no message is left out between others; of more, parts. */
const WHOLE_PARTITIONS = 12;

/** Messages of one topic. */
export class MessageList {
  /** In the order of their append times; within one partition always by offset. */
  messages = [];
  /** By partition, where to go on earlier and later: an API query; earlier is `null` at the start. */
  #earlier = new Map();
  #later = new Map();

  /**
   * @param topic One row of `/v1/topics`.
   * @param ask Answers a path of the API.
   */
  constructor(state, topic, ask) {
    this.state = state;
    this.ask = ask;
    this.partitions = topic.partitions.filter(({ partition }) =>
      state.partition === null || state.partition === partition
    );
    for (const { partition, startOffset, endOffset } of this.partitions) {
      const offset = Math.min(Math.max(Number(state.at), startOffset), endOffset);
      const place = {
        latest: { offset: endOffset },
        start: { offset: startOffset },
        offset: { offset },
        time: { time: timeOf(state.at) },
      }[state.from];
      this.#earlier.set(partition, state.from === "start" ? null : place);
      this.#later.set(partition, place);
    }
  }

  get hasEarlier() {
    return [...this.#earlier.values()].some((place) => place !== null);
  }

  /** Loads the first page. */
  async begin() {
    const { from, limit } = this.state;
    if (from === "latest") await this.loadEarlier();
    else if (from === "time") {
      await Promise.all([this.loadEarlier(limit / 2), this.loadLater(limit / 2)]);
    } else await this.loadLater();
  }

  /** Loads up to `limit` messages more before those that are there. */
  async loadEarlier(limit = this.state.limit) {
    const pages = await Promise.all(this.partitions.map(async ({ partition }) => {
      const place = this.#earlier.get(partition);
      if (place === null) return [];
      const { data, nextCursor } = await this.#page(partition, "descending", place, limit);
      this.#earlier.set(partition, nextCursor === null ? null : { cursor: nextCursor });
      return data;
    }));
    const loaded = pages.flat().sort((a, b) => order(b, a));
    for (const { partition, offset } of loaded.slice(limit).reverse()) {
      this.#earlier.set(partition, { offset: offset + 1 });
    }
    this.#add(loaded.slice(0, limit));
  }

  /** Loads up to `limit` messages more after those that are there. @returns How many. */
  async loadLater(limit = this.state.limit) {
    const pages = await Promise.all(
      this.partitions.map(({ partition }) => this.#laterOf(partition, limit)),
    );
    const loaded = pages.flat().sort(order);
    for (const { partition, offset } of loaded.slice(limit).reverse()) {
      this.#later.set(partition, { offset });
    }
    return this.#add(loaded.slice(0, limit));
  }

  /** Loads what has arrived since, where the log has grown. @returns How many messages. */
  async loadArrived(topic) {
    const grown = this.partitions.filter(({ partition }) => {
      const { offset = 0 } = this.#later.get(partition);
      return (topic.partitions[partition]?.endOffset ?? 0) > offset;
    });
    const pages = await Promise.all(
      grown.map(({ partition }) =>
        this.#laterOf(partition, LIVE_LIMIT, topic.partitions[partition].endOffset)
      ),
    );
    const count = this.#add(pages.flat());
    for (const { partition, offset } of this.messages.splice(0, this.messages.length - KEPT_MAX)) {
      this.#earlier.set(partition, { offset: offset + 1 });
    }
    return count;
  }

  /** @param end Where the partition ended before it is asked: so far there is nothing to look for again. */
  async #laterOf(partition, limit, end = 0) {
    const place = this.#later.get(partition);
    const { data, nextCursor } = await this.#page(partition, "ascending", place, limit);
    const offset = Math.max(end, (data.at(-1)?.offset ?? -1) + 1);
    if (nextCursor !== null) this.#later.set(partition, { cursor: nextCursor });
    else if (offset > 0) this.#later.set(partition, { offset });
    return data;
  }

  async #page(partition, order, place, limit) {
    const part = Math.ceil(limit * WHOLE_PARTITIONS / this.partitions.length);
    const query = new URLSearchParams({ partition, order, limit: Math.min(limit, part), ...place });
    if (this.state.key !== "") query.set("key", this.state.key);
    const { data, nextCursor } = await this.ask(`v1/topics/${this.state.topic}/messages?${query}`);
    return { data: data.map((message) => ({ partition, ...message })), nextCursor };
  }

  #add(loaded) {
    const known = new Set(this.messages.map(idOf));
    const fresh = loaded.filter((message) => !known.has(idOf(message)));
    this.messages = [...this.messages, ...fresh].sort(order);
    return fresh.length;
  }
}

/** What no other message of the topic has. */
export function idOf({ partition, offset }) {
  return `${partition}@${offset}`;
}

/** By append time, which never falls along a partition. */
function order(a, b) {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return a.partition - b.partition || a.offset - b.offset;
}
