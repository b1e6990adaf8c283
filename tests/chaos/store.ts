/**
 * What is in Postgres, by statements of our own, and whether any row of it goes backwards.
 *
 * @module
 */
import { systemClock as clock } from "../../adapters/system_clock.ts";
import { windowKeyOf } from "../../topology.ts";
import type { PostgresServer } from "../integration/postgres_server.ts";
import type { FoundWindow } from "./verify.ts";

/** How often revisions are looked at, in ms. */
const LOOK_INTERVAL_MS = 3_000;
/** Of rows that went backwards so many are told. */
const PROBLEM_COUNT_MAX = 10;

/** Notes every row that takes a lesser revision, or goes, however soon that is mended. */
const TRIGGER_SQL = `
  CREATE TABLE chaos_backwards (market integer, start_ms bigint, was bigint, became bigint);
  CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN
      INSERT INTO chaos_backwards VALUES (OLD.market, OLD.start_ms, OLD.revision);
    ELSE
      INSERT INTO chaos_backwards VALUES (OLD.market, OLD.start_ms, OLD.revision, NEW.revision);
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER chaos_update AFTER UPDATE ON statistics FOR EACH ROW
    WHEN (NEW.revision < OLD.revision) EXECUTE FUNCTION chaos_note();
  CREATE TRIGGER chaos_delete AFTER DELETE ON statistics FOR EACH ROW EXECUTE FUNCTION chaos_note()`;

const FROM_SQL = "FROM statistics AS s JOIN markets AS m ON m.id = s.market";
const KEY_SQL = "m.exchange, m.instrument, s.start_ms";

/** Follows the revisions of all rows. */
export class StoreWatch {
  readonly problems: string[] = [];
  readonly #revisions = new Map<string, number>();
  #isTriggerMade = false;

  constructor(private readonly postgres: PostgresServer) {}

  /** Looks now and then until the signal aborts. A database that is away is none of its business. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch(() => {});
      await clock.sleep(this.#isTriggerMade ? LOOK_INTERVAL_MS : 100, signal);
    }
  }

  /** Looks now. */
  async look(): Promise<void> {
    if (!this.#isTriggerMade) {
      const [[table]] = await this.postgres.query("SELECT to_regclass('statistics')::text") as [
        [string | null],
      ];
      if (table === null) return;
      await this.postgres.query(TRIGGER_SQL);
      this.#isTriggerMade = true;
    }
    const rows = await this.postgres.query(`SELECT ${KEY_SQL}, s.revision ${FROM_SQL}`);
    for (
      const [exchange, instrument, startMs, revision] of rows as [string, string, string, string][]
    ) {
      const key = windowKeyOf(`${exchange}:${instrument}`, Number(startMs));
      const before = this.#revisions.get(key) ?? -1;
      this.#revisions.set(key, Number(revision));
      if (Number(revision) < before) this.#note(key, before, revision);
    }
  }

  /** What the database itself has noted since the last time; it must be there. */
  async noted(): Promise<void> {
    const rows = await this.postgres.query(
      `WITH noted AS (DELETE FROM chaos_backwards RETURNING *)
       SELECT ${KEY_SQL}, s.was, s.became FROM noted AS s JOIN markets AS m ON m.id = s.market`,
    ) as [string, string, string, string, string | null][];
    for (const [exchange, instrument, startMs, was, became] of rows) {
      this.#note(windowKeyOf(`${exchange}:${instrument}`, Number(startMs)), was, became ?? "none");
    }
  }

  #note(key: string, was: string | number, became: string): void {
    if (this.problems.length >= PROBLEM_COUNT_MAX) return;
    this.problems.push(`Postgres: ${key} has revision ${became} after ${was}`);
  }
}

/** All rows. */
export async function storedWindows(postgres: PostgresServer): Promise<Map<string, FoundWindow>> {
  const rows = await postgres.query(
    `SELECT ${KEY_SQL}, s.count, s.mean_hi, s.mean_lo, s.m2_hi, s.m2_lo, s.min, s.max, s.open,
       s.open_ms, s.close, s.close_ms, s.tick_count, s.revision, s.is_closed, s.amended ${FROM_SQL}`,
  );
  return new Map(rows.map(([exchange, instrument, startMs, ...values]) => {
    const number = (i: number) => Number(values[i]);
    return [windowKeyOf(`${exchange}:${instrument}`, Number(startMs)), {
      count: number(0),
      meanHi: number(1),
      meanLo: number(2),
      m2Hi: number(3),
      m2Lo: number(4),
      min: number(5),
      max: number(6),
      openPrice: number(7),
      openMs: number(8),
      closePrice: number(9),
      closeMs: number(10),
      tickCount: number(11),
      revision: number(12),
      closed: values[13] === true,
      amended: values[14] === true,
    }];
  }));
}
