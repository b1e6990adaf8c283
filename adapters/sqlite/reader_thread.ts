/**
 * A thread that reads a store's file, and does nothing else: a worker with the permission to read that
 * file alone. Questions come one at a time, answers go back.
 *
 * @module
 */
import { statSync } from "node:fs";
import type { DayRow } from "../../ports/day_statistics.ts";
import { StoreUnavailableError } from "../../ports/statistics_store.ts";
import {
  NotMadeYetError,
  openDatabaseToRead,
  type SqlValue,
  Statements,
  transaction,
} from "./database.ts";
import { packDays } from "./day_columns.ts";
import { explained } from "./errors.ts";
import { type Answer, failureOf, type Opening, type Question } from "./reader_protocol.ts";
import { StatisticsReads } from "./statistics_reads.ts";

/** The worker's side of the way between threads, which this project's types do not know. */
const port = globalThis as unknown as {
  onmessage: (event: MessageEvent<Opening | Question>) => void;
  postMessage(message: Answer, handedOver: ArrayBuffer[]): void;
};

/** Statements that end where the question was given up: SQLite itself cannot be interrupted. */
class CancellableStatements extends Statements {
  check = () => {};

  override all(sql: string, values: readonly SqlValue[] = []): SqlValue[][] {
    this.check();
    return super.all(sql, values);
  }
}

/** The file as it is open. */
class OpenFile {
  readonly #reader;
  readonly #statements;
  readonly #reads;
  readonly #id;

  constructor(private readonly path: string, config: Opening["config"]) {
    this.#id = idOf(path);
    this.#reader = openDatabaseToRead(path).reader;
    this.#statements = new CancellableStatements(this.#reader);
    this.#reads = new StatisticsReads(this.#statements, config);
  }

  /** Whether the path names another file by now, or none. */
  get isReplaced(): boolean {
    return idOf(this.path) !== this.#id;
  }

  answer({ read, parameters }: Question, check: () => void): unknown {
    this.#statements.check = check;
    const work = this.#reads[read] as (...parameters: unknown[]) => unknown;
    return explained(
      this.path,
      () => transaction(this.#reader, () => work.call(this.#reads, ...parameters), "DEFERRED"),
    );
  }

  close(): void {
    this.#reader.close();
  }
}

/** Which file a path names; `null`: none. */
function idOf(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}

let opening: Opening | null = null;
let file: OpenFile | null = null;

function answerOf(question: Question, { path, config, givenUp }: Opening): Answer {
  const last = new Int32Array(givenUp);
  try {
    if (file?.isReplaced) {
      file.close();
      file = null;
    }
    file ??= new OpenFile(path, config);
    const result = file.answer(question, () => {
      if (Atomics.load(last, 0) >= question.number) throw new Error("Given up");
    });
    return { result };
  } catch (error) {
    const isMissing = error instanceof NotMadeYetError;
    return { failure: failureOf(isMissing ? new StoreUnavailableError(error.message) : error) };
  }
}

port.onmessage = ({ data }) => {
  if ("path" in data) opening = data;
  else if (opening !== null) tell(data.read, answerOf(data, opening));
};

function tell(read: Question["read"], answer: Answer): void {
  if (read !== "days" || !("result" in answer)) return port.postMessage(answer, []);
  const result = packDays(answer.result as DayRow[]);
  port.postMessage({ result }, [result.numbers.buffer]);
}
