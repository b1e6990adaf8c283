/**
 * The API's half of the Postgres store. Each read is one statement, or one snapshot, so that all that it
 * answers, the stream times included, is of one moment.
 *
 * @module
 */
import { isOneMarket } from "../../ports/market_filters.ts";
import type { GapQuery, GapRow, PollCounts, PollQuery } from "../../ports/coverage_queries.ts";
import type { DayQuery, DayRow } from "../../ports/day_statistics.ts";
import type { ChangePage } from "../../ports/statistics_changes.ts";
import type {
  MarketQuery,
  MarketRow,
  PollRecord,
  StatisticsQuery,
  StatisticsRow,
  StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import { shownDay } from "../day_rows.ts";
import { checkQuery, StreamTimes } from "../statistics_rows.ts";
import { readChanges } from "./changes.ts";
import { readGaps, readPollCounts, readPolls, WITH_SOURCES } from "./coverage_reads.ts";
import { BY_MARKET, Conditions } from "./conditions.ts";
import type { Database } from "./database.ts";
import { readDays } from "./day_reads.ts";
import { readRow, ROW_COLUMNS } from "./window_rows.ts";

/** The places of {@link ROW_COLUMNS}, so many columns before the stream times. */
const COLUMN_COUNT = ROW_COLUMNS.split(", ").length;

/** In SQL: the stream times of $1 partitions. */
const STREAM_TIMES_SQL = `SELECT json_agg(json_build_array(partition, last_ms, whole_ms))
  FROM stream_times WHERE partition_count = $1`;

/** The statements that read. */
export class StatisticsReads {
  constructor(
    private readonly database: Database,
    private readonly config: StatisticsStoreConfig,
  ) {}

  /** As the port's. */
  statistics(query: StatisticsQuery, signal?: AbortSignal): Promise<StatisticsRow[]> {
    checkQuery(query);
    const { fromMs, toMs, after, limit } = query;
    const order = isOneMarket(query) ? "market" : query.order ?? "time";
    const where = new Conditions();
    if (order === "time") {
      where.and("s.start_ms >= ? AND s.start_ms < ?", Math.max(fromMs, after?.startMs ?? 0), toMs)
        .andMarkets(query);
      if (after !== undefined) {
        const { startMs, exchange, instrument } = after;
        where.and(`(s.start_ms, ${BY_MARKET}) > (?, ?, ?)`, startMs, exchange, instrument);
      }
      return this.#rows(
        `SELECT ${ROW_COLUMNS} FROM statistics AS s JOIN markets AS m ON m.id = s.market
           WHERE ${where} ORDER BY s.start_ms, ${BY_MARKET} LIMIT ${where.value(limit)}`,
        where,
        signal,
      );
    }
    where.andMarkets(query);
    if (after !== undefined) {
      where.and(`(${BY_MARKET}) >= (?, ?)`, after.exchange, after.instrument)
        .and(
          `(${BY_MARKET}, s.start_ms) > (?, ?, ?)`,
          after.exchange,
          after.instrument,
          after.startMs,
        );
    }
    const [from, to] = [where.value(fromMs), where.value(toMs)];
    // From market to market along their index, and each one's windows along theirs (OFFSET 0 keeps it so), until there are enough.
    return this.#rows(
      `SELECT ${ROW_COLUMNS} FROM markets AS m CROSS JOIN LATERAL (
           SELECT * FROM statistics WHERE market = m.id AND start_ms >= ${from} AND start_ms < ${to}
             ORDER BY start_ms OFFSET 0) AS s
         WHERE ${where} ORDER BY ${BY_MARKET}, s.start_ms LIMIT ${where.value(limit)}`,
      where,
      signal,
    );
  }

  /** As the port's. */
  latest(query: MarketQuery, signal?: AbortSignal): Promise<StatisticsRow[]> {
    checkQuery(query);
    const where = new Conditions().andMarkets(query).andAfter(query.after);
    return this.#rows(
      `SELECT ${ROW_COLUMNS} FROM (
           SELECT * FROM markets AS m WHERE ${where} ORDER BY ${BY_MARKET}
             LIMIT ${where.value(query.limit)}) AS m
         CROSS JOIN LATERAL (
           SELECT * FROM statistics WHERE market = m.id AND start_ms = m.last_ms OFFSET 0) AS s
         ORDER BY ${BY_MARKET}`,
      where,
      signal,
    );
  }

  /** As the port's. */
  days(query: DayQuery, signal?: AbortSignal): Promise<DayRow[]> {
    return this.database.transaction(
      async (run) => {
        const days = await readDays(run, query);
        const { rows: [times] } = await run(STREAM_TIMES_SQL, [this.config.partitionCount]);
        const streams = this.#streamsOf(times![0]);
        return days.map((day) => shownDay(day, streams));
      },
      { begin: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", ...(signal && { signal }) },
    );
  }

  /** As the port's. */
  async markets(query: MarketQuery): Promise<MarketRow[]> {
    checkQuery(query);
    const where = new Conditions().andMarkets(query).andAfter(query.after);
    const { rows } = await this.database.run(
      `SELECT exchange, instrument, base, quote, first_ms, last_ms FROM markets AS m
         WHERE ${where} ORDER BY ${BY_MARKET} LIMIT ${where.value(query.limit)}`,
      where.values,
    );
    return rows.map(([exchange, instrument, base, quote, firstMs, lastMs]) =>
      ({ exchange, instrument, base, quote, firstMs, lastMs }) as MarketRow
    );
  }

  /** As the port's. */
  async sources(): Promise<{ last: PollRecord; lastSuccessMs: number | null }[]> {
    const { rows } = await this.database.run(
      `${WITH_SOURCES}
       SELECT
         (SELECT poll FROM polls AS p WHERE p.source = s.source ORDER BY tick_ms DESC LIMIT 1),
         (SELECT max(tick_ms) FROM polls AS p WHERE p.source = s.source AND outcome = 'ok')
       FROM sources AS s WHERE s.source IS NOT NULL ORDER BY s.source`,
    );
    return rows.map(([last, lastSuccessMs]) => ({
      last: last as PollRecord,
      lastSuccessMs: lastSuccessMs as number | null,
    }));
  }

  /** As the port's. */
  changes(after: string | null, limit: number): Promise<ChangePage | null> {
    const { partitionCount } = this.config;
    const streamsOf = (times: unknown) => this.#streamsOf(times);
    return readChanges(this.database, { after, limit, partitionCount }, streamsOf);
  }

  /** As the port's. */
  polls(query: PollQuery): Promise<PollRecord[]> {
    return readPolls(this.database, query);
  }

  /** As the port's. */
  gaps(query: GapQuery): Promise<GapRow[]> {
    return readGaps(this.database, query);
  }

  /** As the port's. */
  pollCounts(query: { fromMs: number; toMs: number; windowSizeMs: number }): Promise<PollCounts[]> {
    return readPollCounts(this.database, query);
  }

  /** The stream times as the statements give them. */
  #streamsOf(json: unknown): StreamTimes {
    const times = (json ?? []) as [number, number, number | null][];
    return new StreamTimes(
      this.config,
      new Map(
        times.map((
          [partition, lastMs, wholeMs],
        ) => [partition, { lastMs, wholeMs: wholeMs ?? -Infinity }]),
      ),
    );
  }

  /** The rows of a page, and their states by the stream times, which come with the first of them. */
  async #rows(
    page: string,
    where: Conditions,
    signal: AbortSignal | undefined,
  ): Promise<StatisticsRow[]> {
    const times = STREAM_TIMES_SQL.replace("$1", where.value(this.config.partitionCount));
    const { rows } = await this.database.run(
      `SELECT *, CASE WHEN row_number() OVER () = 1 THEN (${times}) END FROM (${page}) AS page`,
      where.values,
      signal,
    );
    const streams = this.#streamsOf(rows[0]?.[COLUMN_COUNT]);
    return rows.map((values) => {
      const stored = readRow(values);
      const row: StatisticsRow = stored;
      row.state = streams.stateOf(stored);
      return row;
    });
  }
}
