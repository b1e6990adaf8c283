/**
 * The API's half of the SQLite store: the statements that read. Reads in either order walk three
 * indexes as nested loops (CROSS JOIN keeps SQLite to that order), so that a page costs what it
 * brings, wherever in the table it lies, and nothing is sorted.
 *
 * @module
 */
import {
  isOneMarket,
  MARKET_FILTER_NAMES,
  type MarketFilters,
  onlyIdOf,
} from "../../ports/market_filters.ts";
import { comparePlaces } from "../../ports/order.ts";
import type { GapQuery, GapRow, PollCounts, PollQuery } from "../../ports/coverage_queries.ts";
import type { NotificationQuery } from "../../ports/notification_queries.ts";
import type { ChangePage } from "../../ports/statistics_changes.ts";
import type {
  MarketQuery,
  MarketRow,
  PollRecord,
  StatisticsQuery,
  StatisticsRow,
  StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import type { Notification } from "../../stats/notification.ts";
import { checkQuery, type StoredRow } from "../statistics_rows.ts";
import { Conditions } from "./conditions.ts";
import type { Statements } from "./database.ts";
import { readChanges } from "./changes.ts";
import { readGaps, readPollCounts, readPolls, readSources } from "./coverage_reads.ts";
import { readNotifications } from "./notifications.ts";
import { readStreamTimes } from "./statistics_writes.ts";
import {
  atWindow,
  dayOf,
  readRow,
  ROW_COLUMNS,
  WINDOW_TABLES,
  type WindowTable,
} from "./window_rows.ts";

const BY_MARKET = "m.exchange, m.instrument";

/** So few markets are sorted at each start in no time; more of them fill a page within a few starts. */
const FEW_MARKETS_MAX = 500;

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

  /** The store's id. */
  storeId(): string {
    const [id] = this.db.get("SELECT id FROM store", []) as [string];
    return id;
  }

  /** As the port's. */
  statistics(query: StatisticsQuery): StatisticsRow[] {
    checkQuery(query);
    const { after, fromMs, toMs, limit } = query;
    const order = isOneMarket(query) ? "market" : query.order ?? "time";
    const all = { order, fromMs, toMs, limit };
    const ids = order === "time" ? this.#fewMarkets(query) : null;
    const markets = () =>
      ids === null ? new Conditions().andMarkets(query) : new Conditions().andIds(ids);
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
      : this.#page(markets().andMarket({ exchange, instrument }), later);
    if (rows.length === limit) return rows;
    const following = order === "time"
      ? this.#page(markets(), { ...later, limit: limit - rows.length })
      : this.#page(markets().andAfter(after), { ...all, limit: limit - rows.length });
    return rows.concat(following);
  }

  /** As the port's. */
  latest(query: MarketQuery): StatisticsRow[] {
    checkQuery(query);
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
    checkQuery(query);
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
    return readSources(this.db);
  }

  /** As the port's. */
  changes(after: string | null, limit: number): ChangePage | null {
    return readChanges(this.db, readStreamTimes(this.db, this.config), after, limit);
  }

  /** As the port's. */
  polls(query: PollQuery): PollRecord[] {
    return readPolls(this.db, query);
  }

  /** As the port's. */
  gaps(query: GapQuery): GapRow[] {
    return readGaps(this.db, query);
  }

  /** As the port's. */
  pollCounts(query: { fromMs: number; toMs: number; windowSizeMs: number }): PollCounts[] {
    return readPollCounts(this.db, query);
  }

  /** As the port's. */
  notifications(query: NotificationQuery): Notification[] {
    return readNotifications(this.db, query);
  }

  /**
   * The ids of the markets that the filters let through, where that saves holding the filters against
   * all markets at each start: they are not served by an index, and let few through.
   */
  #fewMarkets(filters: MarketFilters): number[] | null {
    const given = MARKET_FILTER_NAMES.filter((name) => filters[name] !== undefined);
    if (given.length === 0 || given.some((name) => onlyIdOf(filters[name]) !== undefined)) {
      return null;
    }
    const where = new Conditions().andMarkets(filters);
    const ids = this.db.all(
      `SELECT id FROM markets AS m WHERE ${where} LIMIT ?`,
      [...where.values, FEW_MARKETS_MAX + 1],
    ) as [number][];
    return ids.length > FEW_MARKETS_MAX ? null : ids.map(([id]) => id);
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
