/**
 * The API's half of the SQLite store: the statements that read. Reads in either order walk three
 * indexes as nested loops (CROSS JOIN keeps SQLite to that order), so that a page costs what it
 * brings, wherever in the table it lies, and nothing is sorted.
 *
 * @module
 */
import type {
  MarketQuery,
  MarketRow,
  PollRecord,
  StatisticsQuery,
  StatisticsRow,
  StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import { checkLimit, comparePlaces, type StoredRow } from "../statistics_rows.ts";
import type { SqlValue, Statements } from "./database.ts";
import { readStreamTimes } from "./statistics_writes.ts";
import {
  atWindow,
  dayOf,
  readRow,
  ROW_COLUMNS,
  WINDOW_TABLES,
  type WindowTable,
} from "./window_rows.ts";

/** Conditions joined by AND, and their values in order. */
class Conditions {
  readonly values: SqlValue[] = [];
  readonly #sql: string[] = [];

  and(sql: string, ...values: SqlValue[]): this {
    this.#sql.push(sql);
    this.values.push(...values);
    return this;
  }

  /** The filters on markets that are given. A plus keeps SQLite from the index of the less selective ones. */
  andMarkets(query: Pick<MarketQuery, "exchange" | "instrument" | "base" | "quote">): this {
    const { exchange, instrument, base, quote } = query;
    if (exchange !== undefined) this.and("m.exchange = ?", exchange);
    if (instrument !== undefined) this.and("m.instrument = ?", instrument);
    const plusBase = instrument === undefined ? "" : "+";
    if (base !== undefined) this.and(`${plusBase}m.base = ?`, base);
    const plusQuote = (exchange ?? instrument ?? base) === undefined ? "" : "+";
    if (quote !== undefined) this.and(`${plusQuote}m.quote = ?`, quote);
    return this;
  }

  andAfter(market: { exchange: string; instrument: string } | undefined): this {
    if (market === undefined) return this;
    return this.and("(m.exchange, m.instrument) > (?, ?)", market.exchange, market.instrument);
  }

  andUpTo({ exchange, instrument }: { exchange: string; instrument: string }): this {
    return this.and("(m.exchange, m.instrument) <= (?, ?)", exchange, instrument);
  }

  toString(): string {
    return this.#sql.length === 0 ? "TRUE" : this.#sql.join(" AND ");
  }
}

const BY_MARKET = "m.exchange, m.instrument";

/** Part of a read that one walk answers. */
interface Slice {
  order: "time" | "market";
  fromMs: number;
  toMs: number;
  limit: number;
}

/** The walk through a table's rows of a slice: what it joins, in which order, from where to where. */
function walkOf(table: WindowTable, { order, fromMs, toMs }: Slice) {
  if (order === "market" && table === "statistics") {
    // A market's rows of one day lie together.
    return {
      joined: `markets AS m CROSS JOIN days AS t
        CROSS JOIN ${table} AS s ON s.day = t.day AND s.market = m.id`,
      within: new Conditions()
        .and("t.day BETWEEN ? AND ?", dayOf(fromMs), dayOf(toMs - 1))
        .and("s.start >= ? AND s.start < ?", fromMs, toMs),
      orderBy: `${BY_MARKET}, t.day, s.start`,
    };
  }
  const [outer, inner] = order === "time"
    ? ["starts AS t", "markets AS m"]
    : ["markets AS m", "starts AS t"];
  return {
    joined: `${outer} CROSS JOIN ${inner}
      CROSS JOIN ${table} AS s ON ${atWindow("t.start", "m.id")}`,
    within: new Conditions()
      .and("t.start >= ? AND t.start < ?", fromMs, toMs)
      .and("t.start BETWEEN m.first_ms AND m.last_ms"),
    orderBy: order === "time" ? `t.start, ${BY_MARKET}` : `${BY_MARKET}, t.start`,
  };
}

/** The statements that read. Call each method within one read transaction. */
export class StatisticsReads {
  constructor(
    private readonly db: Statements,
    private readonly config: StatisticsStoreConfig,
  ) {}

  /** As the port's. */
  statistics(query: StatisticsQuery): StatisticsRow[] {
    checkLimit(query.limit);
    const { after, fromMs, toMs, limit } = query;
    const isOneMarket = query.exchange !== undefined && query.instrument !== undefined;
    const order = isOneMarket ? "market" : query.order ?? "time";
    const all = { order, fromMs, toMs, limit };
    const markets = () => new Conditions().andMarkets(query);
    if (after === undefined) return this.#page(markets(), all);
    // What is left of the place's own start (or market) first, then all that follow it: two walks, each along an index.
    const { exchange, instrument, startMs } = after;
    const later = { ...all, fromMs: Math.max(fromMs, startMs + 1) };
    const sameStart = {
      ...all,
      fromMs: Math.max(fromMs, startMs),
      toMs: Math.min(toMs, startMs + 1),
    };
    const rows = order === "time"
      ? this.#page(markets().andAfter(after), sameStart)
      : this.#page(markets().andMarkets({ exchange, instrument }), later);
    if (rows.length === limit) return rows;
    const following = order === "time"
      ? this.#page(markets(), { ...later, limit: limit - rows.length })
      : this.#page(markets().andAfter(after), { ...all, limit: limit - rows.length });
    return rows.concat(following);
  }

  /** As the port's. */
  latest(query: MarketQuery): StatisticsRow[] {
    checkLimit(query.limit);
    const where = new Conditions().andMarkets(query).andAfter(query.after);
    // A market's latest row is in one of the tables; the page is chosen first, so that neither is searched for more.
    const found = WINDOW_TABLES.map((table) =>
      this.db.all(
        `SELECT ${ROW_COLUMNS}
           FROM (SELECT * FROM markets AS m WHERE ${where} ORDER BY ${BY_MARKET} LIMIT ?) AS m
           CROSS JOIN ${table} AS s ON ${atWindow("m.last_ms", "m.id")} ORDER BY ${BY_MARKET}`,
        [...where.values, query.limit],
      ).map(readRow)
    );
    return this.#merge(found, "market", query.limit);
  }

  /** As the port's. */
  markets(query: MarketQuery): MarketRow[] {
    checkLimit(query.limit);
    const where = new Conditions().andMarkets(query).andAfter(query.after);
    return this.db.all(
      `SELECT exchange, instrument, base, quote, first_ms, last_ms FROM markets AS m
         WHERE ${where} ORDER BY ${BY_MARKET} LIMIT ?`,
      [...where.values, query.limit],
    ).map(([exchange, instrument, base, quote, firstMs, lastMs]) =>
      ({ exchange, instrument, base, quote, firstMs, lastMs }) as MarketRow
    );
  }

  /** As the port's. */
  sources(): { last: PollRecord; lastSuccessMs: number | null }[] {
    // From each source to the next along the index, past the thousands of polls between.
    return this.db.all(
      `WITH RECURSIVE sources (source) AS (
         SELECT min(source) FROM polls
         UNION ALL
         SELECT (SELECT min(p.source) FROM polls AS p WHERE p.source > sources.source)
           FROM sources WHERE sources.source IS NOT NULL
       )
       SELECT
         (SELECT poll FROM polls AS p WHERE p.source = s.source ORDER BY tick_ms DESC LIMIT 1),
         (SELECT tick_ms FROM polls AS p WHERE p.source = s.source AND outcome = 'ok'
           ORDER BY tick_ms DESC LIMIT 1)
       FROM sources AS s WHERE s.source IS NOT NULL ORDER BY s.source`,
    ).map(([poll, lastSuccessMs]) => ({
      last: JSON.parse(poll as string) as PollRecord,
      lastSuccessMs: lastSuccessMs as number | null,
    }));
  }

  #page(where: Conditions, slice: Slice): StatisticsRow[] {
    const { order, limit } = slice;
    // Open windows are of late and closed ones are not: most reads need one table only.
    const [closedToMs] = this.db.get(
      "SELECT max(start) FROM starts WHERE has_closed = 1",
    ) as [number | null];
    const [openFromMs] = this.db.get("SELECT min(start) FROM open_statistics") as [number | null];
    const closed = this.#walk("statistics", where, {
      ...slice,
      toMs: Math.min(slice.toMs, (closedToMs ?? -Infinity) + 1),
    });
    const open = { ...slice, fromMs: Math.max(slice.fromMs, openFromMs ?? Infinity) };
    const last = closed[limit - 1];
    if (last !== undefined && order === "time") open.toMs = Math.min(open.toMs, last.startMs + 1);
    if (last !== undefined && order === "market") where.andUpTo(last);
    return this.#merge([closed, this.#walk("open_statistics", where, open)], order, limit);
  }

  #walk(table: WindowTable, where: Conditions, slice: Slice): StoredRow[] {
    if (slice.fromMs >= slice.toMs) return [];
    const { joined, within, orderBy } = walkOf(table, slice);
    return this.db.all(
      `SELECT ${ROW_COLUMNS} FROM ${joined} WHERE ${within} AND ${where} ORDER BY ${orderBy} LIMIT ?`,
      [...within.values, ...where.values, slice.limit],
    ).map(readRow);
  }

  /** Merges what the tables gave, each in order, and tells the rows' states. */
  #merge(found: StoredRow[][], order: "time" | "market", limit: number): StatisticsRow[] {
    const streams = readStreamTimes(this.db, this.config);
    const lists = found.filter((rows) => rows.length > 0);
    const rows = lists.length > 1
      ? lists.flat().sort((a, b) => comparePlaces(order, a, b)).slice(0, limit)
      : lists[0] ?? [];
    return rows.map((stored) => {
      const row: StatisticsRow = stored;
      row.state = streams.stateOf(stored);
      return row;
    });
  }
}
