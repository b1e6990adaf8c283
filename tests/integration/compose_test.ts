/**
 * The cluster of docker-compose.yml as an operator starts it: a recorded market goes in from a
 * server of this machine, every container is killed once, and the API has every sample once.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { decodeSample } from "../../adapters/codecs/sample_codec.ts";
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { parseConfig } from "../../config.ts";
import { SETTING_NAMES } from "../../config/settings.ts";
import type { Sample } from "../../stats/sample.ts";
import { TOPICS } from "../../topology.ts";
import { recording } from "../shared_data.ts";
import { dockerTest, IMAGE } from "./docker_engine.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const PRICES = "cryptowatch/2022-02-28/markets_prices.json";
/** Of a machine that does much else at the time. */
const PATIENCE_MS = 120_000;
const ROLES = ["sampler", "aggregator", "writer", "api"];

interface Row {
  exchange: string;
  instrument: string;
  windowStart: string;
  count: number;
  min: number;
  max: number;
  mean: number;
  open: number;
}

interface Answer {
  data: Row[];
  nextCursor: string | null;
}

/** The project's compose file under a name and ports of its own. */
class Cluster implements AsyncDisposable {
  readonly project = `tracker-test-${crypto.randomUUID().slice(0, 8)}`;
  readonly api = `http://127.0.0.1:${freePort()}`;
  readonly broker = `localhost:${freePort()}`;
  readonly #files: string[];

  constructor(private readonly folder: string, private readonly settings: Record<string, string>) {
    // The address of the machine that runs the containers, as they see it.
    const override = { services: { sampler: { extra_hosts: ["recordings:host-gateway"] } } };
    const path = `${folder}/recordings.json`;
    Deno.writeTextFileSync(path, JSON.stringify(override));
    this.#files = ["-f", `${ROOT}docker-compose.yml`, "-f", path];
  }

  async compose(...args: string[]): Promise<string> {
    const [program = "", ...first] = await composeCommand;
    return await run(program, [...first, "-p", this.project, ...this.#files, ...args], {
      ...this.settings,
      DATA_TRACKER_IMAGE: IMAGE,
      PORT: new URL(this.api).port,
      KAFKA_PORT: this.broker.split(":")[1]!,
      // Nothing of this machine's .env may change the test.
      COMPOSE_PROJECT_NAME: this.project,
    });
  }

  async containers(service: string): Promise<string[]> {
    return (await this.compose("ps", "-q", service)).split("\n").filter(Boolean);
  }

  /** All rows of the API; none while it does not answer. */
  async rows(): Promise<Row[]> {
    const rows: Row[] = [];
    for (let page = ""; page !== "end";) {
      const answer: Answer | null = await this.#get(`limit=10000${page}`);
      if (answer === null) return [];
      rows.push(...answer.data);
      const { nextCursor } = answer;
      page = nextCursor === null ? "end" : `&cursor=${encodeURIComponent(nextCursor)}`;
    }
    return rows;
  }

  async countOf(exchange: string, instrument: string): Promise<number> {
    const answer = await this.#get(`exchange=${exchange}&instrument=${instrument}`);
    return (answer?.data ?? []).reduce((sum, row) => sum + row.count, 0);
  }

  /** How a question for statistics is answered; 0: not at all. */
  async status(): Promise<number> {
    const response = await fetch(`${this.api}/v1/statistics?limit=1`).catch(() => null);
    await response?.body?.cancel();
    return response?.status ?? 0;
  }

  async #get(query: string): Promise<Answer | null> {
    try {
      const response = await fetch(`${this.api}/v1/statistics?${query}`);
      if (response.ok) return await response.json();
      await response.body?.cancel();
    } catch {
      // It is being started.
    }
    return null;
  }

  /** Every accepted sample, by market and hour, each tick once. */
  async accepted(): Promise<Map<string, Sample[]>> {
    const { kafka } = parseConfig({ SOURCES: "simulated", KAFKA_BROKERS: this.broker });
    await using log = await openKafkaTopicLog(kafka!);
    const ticks = new Map<string, Map<number, Sample>>();
    const ranges = await log.describe(TOPICS.samples) ?? [];
    for (const [partition, { startOffset, endOffset }] of ranges.entries()) {
      for (let offset = startOffset; offset < endOffset;) {
        const options = { byteCountMax: 4 << 20, waitMaxMs: 1000 };
        const batch = await log.fetch(TOPICS.samples, partition, offset, options);
        for (const { value } of batch.records) {
          const sample = decodeSample(value!) as Sample;
          const hourMs = Math.floor(sample.tickMs! / 3_600_000) * 3_600_000;
          const window = `${sample.exchange}:${sample.instrument}@${hourMs}`;
          if (!ticks.has(window)) ticks.set(window, new Map());
          const seen = ticks.get(window)!;
          if (!seen.has(sample.tickMs!)) seen.set(sample.tickMs!, sample);
        }
        offset = batch.nextOffset;
      }
    }
    return new Map([...ticks].map(([window, seen]) => [window, [...seen.values()]]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.compose("down", "-v", "--remove-orphans");
    await Deno.remove(this.folder, { recursive: true });
  }
}

const composeCommand = run("docker", ["compose", "version"]).then(
  () => ["docker", "compose"],
  () => ["docker-compose"],
);

async function run(program: string, args: string[], env: Record<string, string> = {}) {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, env }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${program} ${args.join(" ")}:\n${err}`);
  return out!;
}

function freePort(): number {
  using listener = Deno.listen({ port: 0 });
  return listener.addr.port;
}

/** Plays the recording, each answer's prices a little higher, and counts the answers. */
async function playRecording() {
  const { result }: { result: Record<string, number> } = JSON.parse(
    new TextDecoder().decode(await recording(PRICES)),
  );
  let servedCount = 0;
  const server = Deno.serve({ port: 0, hostname: "0.0.0.0", onListen() {} }, () => {
    const factor = 1 + servedCount++ % 8 / 8;
    const prices = Object.entries(result).map(([key, price]) => [key, price * factor]);
    // Without the allowance, which would spread the polls over a day.
    return Response.json({ result: Object.fromEntries(prices) });
  });
  return { server, result, servedCount: () => servedCount };
}

async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadlineMs = performance.now() + PATIENCE_MS;;) {
    if (await isSo()) return;
    if (performance.now() > deadlineMs) throw new Error(`Not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

dockerTest("docker-compose.yml passes on every setting that concerns it", async () => {
  await using cluster = new Cluster(await Deno.makeTempDir(), {});
  const text = await cluster.compose("config");
  // The broker is its own, without TLS or a login; addresses and places are the containers'.
  const fixed = /^(HOST|PORT|DATA_DIR|KAFKA_(CLIENT_ID|TLS.*|SASL_MECHANISM|USERNAME|PASSWORD))$/;
  deepStrictEqual(
    SETTING_NAMES.filter((name) => !fixed.test(name) && !text.includes(`\n      ${name}:`)),
    [],
  );
});

dockerTest(
  "the cluster counts a recorded market exactly once, whichever container is killed",
  async () => {
    const recorded = await playRecording();
    await using _server = recorded.server;
    await using cluster = new Cluster(await Deno.makeTempDir(), {
      SOURCES: "cryptowatch",
      CRYPTOWATCH_URL: `http://recordings:${recorded.server.addr.port}`,
      INTERVAL: "2s",
      FLUSH_INTERVAL: "1s",
      SESSION_TIMEOUT: "6s",
    });
    await cluster.compose("up", "-d", "--no-build", "--scale", "aggregator=3");
    strictEqual((await cluster.containers("aggregator")).length, 3);
    const market = ["binance-us", "aaveusd"] as const;
    const grown = async () => {
      const before = await cluster.countOf(...market);
      await eventually(
        "another sample is in the API",
        async () => await cluster.countOf(...market) > before,
      );
    };
    await grown();
    // Published at a loopback address, though every container listens everywhere.
    const messages = await fetch(`${cluster.api}/v1/topics/samples/messages?limit=1`);
    strictEqual(messages.status, 200, await messages.text());

    for (const service of ROLES) {
      const [id = ""] = await cluster.containers(service);
      // Like a crash: whoever restarts containers that were stopped on purpose would hide it.
      await run("docker", ["exec", id, "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)"])
        .catch(() => {});
      const restarts = ["inspect", "-f", "{{.RestartCount}}", id];
      await eventually(
        `${service} is started again`,
        async () => (await run("docker", restarts)).trim() === "1",
      );
      await grown();
    }
    for (const server of ["kafka", "postgres"]) {
      const [id = ""] = await cluster.containers(server);
      await run("docker", ["kill", id]);
      if (server === "postgres") {
        await eventually("503", async () => await cluster.status() === 503);
      }
      await cluster.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "aggregator=3");
      await grown();
    }

    await cluster.compose("stop", "sampler");
    const windows = await cluster.accepted();
    const total = [...windows.values()].reduce((sum, samples) => sum + samples.length, 0);
    await eventually(
      "every sample is in the API",
      async () => (await cluster.rows()).reduce((sum, row) => sum + row.count, 0) === total,
    );
    const rows = await cluster.rows();
    strictEqual(rows.length, windows.size);
    const tickCount = windows.get(
      [...windows.keys()].find((w) => w.startsWith(market.join(":")))!,
    )!;
    ok(tickCount.length <= recorded.servedCount());
    for (const row of rows) {
      const name = `${row.exchange}:${row.instrument}`;
      const samples = windows.get(`${name}@${Date.parse(row.windowStart)}`) ?? [];
      const prices = samples.map((sample) => sample.price);
      deepStrictEqual(
        { window: name, count: row.count, min: row.min, max: row.max, open: row.open },
        {
          window: name,
          count: prices.length,
          min: Math.min(...prices),
          max: Math.max(...prices),
          open: samples.toSorted((a, b) => a.tickMs! - b.tickMs!)[0]?.price,
        },
      );
      const mean = prices.reduce((sum, price) => sum + price / prices.length, 0);
      ok(Math.abs(row.mean - mean) <= 1e-12 * mean, `${name}: ${row.mean} is not ${mean}`);
    }
    // Every market of the recording that is not dead is there, at a price that the recording gave it.
    const live = Object.entries(recorded.result).filter(([, price]) => price > 0);
    strictEqual(new Set(rows.map((row) => `${row.exchange}:${row.instrument}`)).size, live.length);
    const first = recorded.result["market:binance-us:aaveusd"]!;
    const aave = rows.find((row) => row.exchange === market[0] && row.instrument === market[1])!;
    ok(Number.isInteger((aave.open / first - 1) * 8), `${aave.open} is no multiple of ${first}`);

    for (
      const [role, line] of [
        ["sampler", /Polling cryptowatch/],
        ["aggregator", /Counting partition \d from offset \d+/],
        ["writer", /Group writer: this process has partitions/],
        ["api", /The API listens at/],
      ] as const
    ) {
      const text = await cluster.compose("logs", "--no-color", role);
      match(text, line);
      const unwanted =
        /^.*(\s+at \S+ \(?\S+:\d+:\d+|TimeoutNegativeWarning|coordinator is not available).*$/mi;
      strictEqual(unwanted.exec(text)?.[0], undefined);
    }
  },
);
