import { lockEnvironment } from "./tests/environment.ts";
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { ConfigError, loadSettings, parseConfig, readConfig } from "./config.ts";

function problemsOf(environment: Record<string, string>, content?: unknown): readonly string[] {
  return readConfig({
    environment,
    ...(content === undefined ? {} : { file: { path: "tracker.json", content } }),
  }).problems;
}

Deno.test("readConfig() wants Kafka's TLS settings together", () => {
  const problemsOf = (settings: Record<string, string>) => {
    const base = { ROLES: "aggregator", KAFKA_BROKERS: "k:1" };
    return readConfig({ environment: { ...base, ...settings } }).problems;
  };
  deepStrictEqual(problemsOf({ KAFKA_TLS_CA: "/ca.pem" }), [
    "KAFKA_TLS_CA: set without KAFKA_TLS=yes; set that, or unset KAFKA_TLS_CA",
  ]);
  deepStrictEqual(problemsOf({ KAFKA_TLS: "yes", KAFKA_TLS_CERT: "/a.pem" }), [
    "KAFKA_TLS_KEY: not set; KAFKA_TLS_CERT, KAFKA_TLS_KEY go together: set all or none",
  ]);
  deepStrictEqual(
    problemsOf({ KAFKA_TLS: "yes", KAFKA_TLS_CA: "/ca.pem", STARTUP_PATIENCE: "5m" }),
    [],
  );
});

Deno.test("parseConfig() gives the documented defaults", () => {
  const config = parseConfig({ SOURCES: "simulated" });
  strictEqual(config.engine, "embedded");
  deepStrictEqual(config.roles, ["sampler", "aggregator", "writer", "api", "monitor", "notifier"]);
  strictEqual(config.windowSizeMs, 3_600_000);
  strictEqual(config.graceMs, 300_000);
  strictEqual(config.amendForMs, 6 * 3_600_000);
  strictEqual(config.keepStatisticsMs, 90 * 86_400_000);
  strictEqual(`${config.host}:${config.port}`, "127.0.0.1:8000");
  strictEqual(config.kafka, null);
});

Deno.test("parseConfig() returns a configuration that nobody can change", () => {
  const config = parseConfig({ KAFKA_BROKERS: "a:9092", ROLES: "writer,api" });
  ok(Object.isFrozen(config) && Object.isFrozen(config.kafka) && Object.isFrozen(config.roles));
});

Deno.test("parseConfig() reports all problems at once, each with its value and what to do", () => {
  throws(
    () => parseConfig({ WINDOW: "7m", PORT: "99999", LATE: "maybe", PARTITION: "3" }),
    (error) => {
      ok(error instanceof ConfigError);
      strictEqual(error.problems.length, 5);
      ok(error.message.startsWith("The configuration has 5 problems:\n"));
      for (
        const part of [
          "WINDOW=7m: must be",
          "PORT=99999: must be a whole number from 0 to 65535",
          "LATE=maybe: must be amend or reject",
          "PARTITION: no such setting; is PARTITIONS meant?",
          "SOURCES: not set",
        ]
      ) ok(error.message.includes(part), part);
      return true;
    },
  );
});

Deno.test("readConfig() never shows a secret, right or wrong", () => {
  const secrets = {
    CRYPTOWATCH_API_KEY: "sesame-1",
    KAFKA_PASSWORD: "sesame-2",
    DATABASE_URL: "postgres://user:sesame-3@host/db",
  };
  for (
    const read of [
      readConfig({ environment: secrets }),
      readConfig({ environment: {}, file: { path: "f", content: secrets } }),
    ]
  ) {
    ok(!JSON.stringify(read).includes("sesame"));
    ok(read.rows.some((row) => row.name === "KAFKA_PASSWORD" && row.text === "(hidden)"));
  }
});

Deno.test("readConfig() shows a database without its password, and keeps Postgres's rows for ever", () => {
  const of = (environment: Record<string, string>) => {
    const { config, rows } = readConfig({ environment: { ROLES: "api", ...environment } });
    return [config?.keepStatisticsMs, rows.find(({ name }) => name === "DATABASE_URL")?.text];
  };
  deepStrictEqual(of({ DATABASE_URL: "postgresql://me:se%40same@[::1]:55/d?sslmode=require" }), [
    null,
    "postgresql://me:(hidden)@[::1]:55/d?sslmode=require",
  ]);
  deepStrictEqual(of({ DATABASE_URL: "postgres://me@db/d", KEEP_STATISTICS: "30d" }), [
    30 * 86_400_000,
    "postgres://me@db/d",
  ]);
  deepStrictEqual(of({ DATABASE_URL: "sqlite:./a.db" }), [90 * 86_400_000, "sqlite:./a.db"]);
});

Deno.test("readConfig() takes the environment before the file, the file before the default", () => {
  const { config, rows, problems } = readConfig({
    environment: { SOURCES: "simulated", PARTITIONS: "3", LATE: " " },
    file: {
      path: "tracker.json",
      content: {
        PARTITIONS: 12,
        ROLES: ["sampler", "aggregator", "writer"],
        SKIP_LOST: true,
        LATE: "reject",
      },
    },
  });
  deepStrictEqual(problems, []);
  strictEqual(config?.partitionCount, 3);
  strictEqual(config?.skipLost, true);
  strictEqual(config?.late, "reject", "an empty variable is an unset one");
  const origins = Object.fromEntries(rows.map((row) => [row.name, row.origin]));
  strictEqual(origins.PARTITIONS, "environment");
  strictEqual(origins.ROLES, "file");
  strictEqual(origins.WINDOW, "default");
});

Deno.test("readConfig() reports every unknown key of the file, and values of a wrong kind", () => {
  deepStrictEqual(problemsOf({ SOURCES: "simulated" }, { WINDO: "1h", nonsense: 1, GRACE: {} }), [
    "tracker.json: WINDO: no such setting; is WINDOW meant?",
    "tracker.json: nonsense: no such setting; `deno task config` lists them all",
    "tracker.json: GRACE: must be a text, a number, a boolean or a list of texts",
  ]);
  ok(
    problemsOf({}, ["WINDOW"])[0]?.startsWith(
      "CONFIG_FILE=tracker.json: must hold one JSON object",
    ),
  );
  ok(problemsOf({}, { PORT: "x" })[0]?.startsWith("tracker.json: PORT=x: must be"));
});

Deno.test("readConfig() refuses settings that contradict each other", () => {
  const simulated = { SOURCES: "simulated" };
  for (
    const [environment, part] of [
      [{ SOURCES: "cryptowatch" }, "CRYPTOWATCH_URL: not set"],
      [{ ...simulated, ROLES: "sampler" }, "aggregator and writer must run in it too"],
      [{ ROLES: "aggregator" }, "writer must run in it too"],
      [{ ROLES: "api", KAFKA_BROKERS: "k:9092" }, "or name writer too"],
      [
        { ROLES: "aggregator,writer", KAFKA_BROKERS: "k:9092" },
        "set DATABASE_URL, the same for all",
      ],
      [
        { ...simulated, DATABASE_URL: "sqlite:///srv/a.db" },
        "DATABASE_URL=sqlite:///srv/a.db: must be postgres://user:password@host:5432/name, or sqlite:",
      ],
      [{ ...simulated, DATABASE_URL: "sqlite:a,b.db" }, "no path may hold commas"],
      [{ ...simulated, SCHEDULE: "* * * * *", INTERVAL: "10s" }, "both set"],
      [{ ...simulated, WINDOW: "1m", INTERVAL: "30m" }, "must be a multiple of it"],
      [{ ...simulated, KAFKA_TLS: "yes" }, "KAFKA_TLS: set without KAFKA_BROKERS"],
      [{ ...simulated, KAFKA_BROKERS: "k:9092", KAFKA_USERNAME: "u" }, "go together"],
      [{ ...simulated, AMEND_FOR: "1d" }, "must be less than 1d"],
      [
        { ...simulated, KEEP_STATISTICS: "1d", KAFKA_BROKERS: "k:1", AMEND_FOR: "2d" },
        "KEEP_STATISTICS=1d",
      ],
      [{ ...simulated, DATABASE_URL: "postgres://h/d" }, "DATABASE_URL=(hidden): it names no user"],
      [{ ...simulated, DATABASE_URL: "postgres://u@a,b/d" }, "one name or IP address"],
      [{ ...simulated, DATABASE_URL: "postgres://u@h/d?ssl=1" }, "its parameter ssl is not known"],
      [
        { ...simulated, DATABASE_URL: "mysql://u@h/d" },
        "DATABASE_URL=(hidden): must be postgres://",
      ],
    ] as const
  ) {
    const problems = problemsOf(environment);
    strictEqual(problems.length, 1, `${part}: ${problems}`);
    ok(problems[0]?.includes(part), `${part}: ${problems}`);
  }
});

Deno.test("readConfig() says nothing of a combination whose parts are wrong by themselves", () => {
  deepStrictEqual(
    problemsOf({ SOURCES: "simulated", GRACE: "soon" }).map((problem) => problem.split(":")[0]),
    ["GRACE=soon"],
  );
});

Deno.test("parseConfig() takes roles that share a log over Kafka, and the API alone", () => {
  deepStrictEqual(parseConfig({ ROLES: "api" }).roles, ["api"]);
  const config = parseConfig({
    ROLES: "aggregator",
    KAFKA_BROKERS: "kafka-1:9092, [::1]:9093",
    KAFKA_SASL_MECHANISM: "SCRAM-SHA-256",
    KAFKA_USERNAME: "tracker",
    KAFKA_PASSWORD: "sesame",
  });
  deepStrictEqual(config.kafka, {
    brokers: ["kafka-1:9092", "[::1]:9093"],
    clientId: "data-tracker",
    compression: "zstd",
    tls: null,
    sasl: { mechanism: "scram-sha-256", username: "tracker", password: "sesame" },
    sessionTimeoutMs: 10_000,
  });
});

Deno.test("parseConfig() samples the simulated market in dev, and asks for sources else", () => {
  deepStrictEqual(parseConfig({}, { dev: true }).sources, ["simulated"]);
  throws(() => parseConfig({}), /SOURCES: not set/);
});

Deno.test("parseConfig() takes schedules that Deno.cron takes, and no others", () => {
  for (const SCHEDULE of ["* * * * *", "*/5 * * * *", "0 8-17 * * MON-FRI", "0 0 * * 1"]) {
    strictEqual(parseConfig({ SOURCES: "simulated", SCHEDULE }).schedule, SCHEDULE);
  }
  for (
    const SCHEDULE of ["* * * *", "* * * * * *", "60 * * * *", "0 0 31 2 *", "@daily"]
  ) {
    ok(problemsOf({ SOURCES: "simulated", SCHEDULE })[0]?.startsWith(`SCHEDULE=${SCHEDULE}`));
  }
});

Deno.test("parseConfig() checks addresses", () => {
  const good = { SOURCES: "cryptowatch", CRYPTOWATCH_URL: "http://127.0.0.1:9000/base/" };
  strictEqual(parseConfig(good).cryptowatch?.url, "http://127.0.0.1:9000/base");
  for (
    const environment of [
      { CRYPTOWATCH_URL: "ftp://host" },
      { CRYPTOWATCH_URL: "https://user:pass@host" },
      { KAFKA_BROKERS: "kafka" },
      { KAFKA_BROKERS: "kafka:0" },
      { KAFKA_BROKERS: "bad host:9092" },
      { HOST: "http://localhost" },
      { CORS_ORIGINS: "https://a.example/path" },
    ]
  ) {
    strictEqual(
      problemsOf({ SOURCES: "simulated", ...environment }).length,
      1,
      JSON.stringify(environment),
    );
  }
});

Deno.test("loadSettings() says which configuration file is wrong without quoting it", async () => {
  using _environment = await lockEnvironment();
  const before = Deno.env.get("CONFIG_FILE");
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    Deno.env.set("CONFIG_FILE", path);
    await Deno.writeTextFile(path, '{"KAFKA_PASSWORD": sesame}');
    const [problem] = loadSettings({ dev: true }).problems;
    ok(problem?.startsWith(`CONFIG_FILE=${path}: is not JSON`) && !problem.includes("sesame"));
    await Deno.remove(path);
    ok(loadSettings().problems[0]?.startsWith(`CONFIG_FILE=${path}: cannot be read`));
  } finally {
    if (before === undefined) Deno.env.delete("CONFIG_FILE");
    else Deno.env.set("CONFIG_FILE", before);
  }
});
