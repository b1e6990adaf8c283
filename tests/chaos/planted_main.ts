/**
 * The program with a bug planted, for a fault run that must find it: `PLANTED_BUG` names it. What is
 * replaced are the protocol's rules and methods of the adapters; everything else is main.ts.
 *
 * @module
 */
import { KafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { ClaimedState } from "../../adapters/deno_kv/partition_state.ts";
import { Database } from "../../adapters/postgres/database.ts";
import { PostgresStatisticsStore } from "../../adapters/postgres/statistics_store.ts";
import { RULES } from "../../aggregator/rules.ts";
import { decodeMonitorCheckpoint } from "../../monitor/checkpoint.ts";
import type { StatisticsRecord } from "../../ports/statistics_store.ts";
import type { Claim, Group } from "../../ports/topic_log.ts";
import { marketOfWindow } from "../../stats/window.ts";
import { GROUPS, partitionOf, TOPICS } from "../../topology.ts";
import { PLANTED_BUGS } from "./planted_bugs.ts";
import { PARTITION_COUNT } from "./samples.ts";

type Commit = Claim["commit"];

const plant: Record<keyof typeof PLANTED_BUGS, () => void> = {
  "committed before stored"() {
    const store = PostgresStatisticsStore.prototype;
    const { writeStatistics } = store;
    const waiting = new Map<number, () => Promise<unknown>>();
    store.writeStatistics = function (records: readonly StatisticsRecord[]) {
      const [first] = records;
      if (first !== undefined) {
        const partition = partitionOf(marketOfWindow(first.window), PARTITION_COUNT);
        const before = waiting.get(partition);
        waiting.set(partition, async () => {
          await before?.();
          await writeStatistics.call(this, records);
        });
      }
      return Promise.resolve(records.length);
    };
    replaceCommits(GROUPS.writer, async (commit, transaction, partition) => {
      await commit(transaction);
      const write = waiting.get(partition);
      waiting.delete(partition);
      await write?.();
    });
  },
  "committed before published"() {
    replaceCommits(GROUPS.aggregator, async (commit, transaction) => {
      await commit({ ...transaction, records: [] });
      await commit(transaction);
    });
  },
  "committed before told"() {
    replaceCommits(GROUPS.monitor, async (commit, transaction) => {
      await commit({ ...transaction, records: [] });
      await commit(transaction);
    });
  },
  "disk ahead of the monitor"() {
    const committed = new Map<number, string>();
    const { claim } = KafkaTopicLog.prototype;
    KafkaTopicLog.prototype.claim = async function (group, partition, signal) {
      const made = await claim.call(this, group, partition, signal);
      const position = made.positions[TOPICS.samples];
      if (group.id === GROUPS.monitor.id && position !== undefined) {
        committed.set(partition, decodeMonitorCheckpoint(position.metadata).checkpointId);
      }
      return made;
    };
    const { row } = ClaimedState.prototype;
    ClaimedState.prototype.row = async function () {
      const found = await row.call(this);
      const { partition } = this as unknown as { partition: number };
      const checkpointId = committed.get(partition);
      return found === null || found.torn || checkpointId === undefined
        ? found
        : { ...found, checkpointId };
    };
  },
  "keeps the last"() {
    const { transaction } = Database.prototype;
    Database.prototype.transaction = function (work, begin) {
      const last = (sql: string) => sql.replace(/WHERE CASE\s+WHEN excluded\.origin[^]*END$/, "");
      return transaction.call(
        this,
        (query) => work((sql, values) => query(last(sql), values)),
        begin,
      ) as ReturnType<typeof work>;
    };
  },
  "no fence"() {
    const { claim } = KafkaTopicLog.prototype;
    const own = `-${crypto.randomUUID()}`;
    KafkaTopicLog.prototype.claim = function (group: Group, partition, signal): Promise<Claim> {
      let isFirst = true;
      // The first use of the id makes the transactional id; all others name the group.
      const disguised = {
        topics: group.topics,
        get id() {
          const id = isFirst ? group.id + own : group.id;
          isFirst = false;
          return id;
        },
      };
      return claim.call(this, disguised, partition, signal);
    };
  },
  "disk ahead"() {
    RULES.trustsDisk = (row, committed) => row !== null && committed !== null && !row.torn;
  },
  "short restore"() {
    const { restoreFrom } = RULES;
    RULES.restoreFrom = (places, through) =>
      restoreFrom(new Map([...places].sort((a, b) => b[0] - a[0]).slice(0, 1)), through);
  },
  "sealed early"() {
    const { isSealed } = RULES;
    RULES.isSealed = (endMs, streamMs, times) =>
      isSealed(endMs, streamMs, { ...times, amendForMs: 0 });
  },
};

/** Has `replacement` make the commits of a group's claims. */
function replaceCommits(
  group: Group,
  replacement: (
    commit: Commit,
    transaction: Parameters<Commit>[0],
    partition: number,
  ) => Promise<void>,
): void {
  const { claim } = KafkaTopicLog.prototype;
  KafkaTopicLog.prototype.claim = async function (of, partition, signal) {
    const made = await claim.call(this, of, partition, signal);
    if (of.id === group.id) {
      const commit = made.commit.bind(made);
      made.commit = (transaction) => replacement(commit, transaction, partition);
    }
    return made;
  };
}

plant[Deno.env.get("PLANTED_BUG") as keyof typeof plant]();
await import("../../main.ts");
