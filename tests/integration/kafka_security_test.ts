import assert from "node:assert/strict";
import { isIP } from "node:net";
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { parseConfig } from "../../config.ts";
import { permissionArguments, permissionsOf } from "../../config/permissions.ts";
import { Authority, type CertificateOptions } from "./certificates.ts";
import { newName, readRecords, recordOf, specOf, textOf } from "./kafka_fixture.ts";
import { brokerHost, type KafkaServer, kafkaTest as test, startKafka } from "./kafka_server.ts";

const directory = await Deno.makeTempDir({ prefix: "data-tracker-tls-" });
Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));
const authority = await Authority.make(directory, "authority");
const stranger = await Authority.make(directory, "stranger");

const FAILURE_LIMIT_MS = 10_000;
const PASSWORD = "sesame-öffne-dich=,";
const LOGIN = { KAFKA_USERNAME: "alice", KAFKA_PASSWORD: PASSWORD };
const TLS = { KAFKA_TLS: "yes", KAFKA_TLS_CA: authority.certificate };
const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;
const SASL = Object.fromEntries([
  ["sasl.enabled.mechanisms", MECHANISMS.join(",").toUpperCase()],
  ...MECHANISMS.map((mechanism) => {
    const [module, users] = mechanism === "plain"
      ? ["plain.Plain", ` user_alice="${PASSWORD.replace("ö", "\\u00f6")}"`]
      : ["scram.Scram", ""];
    return [
      `listener.name.client.${mechanism}.sasl.jaas.config`,
      `org.apache.kafka.common.security.${module}LoginModule required${users};`,
    ];
  }),
]);

type Settings = Record<string, string>;

const OWN_NAME = `${isIP(brokerHost) ? "IP" : "DNS"}:${brokerHost}`;

/** What a broker needs to speak TLS for one name alone, as lines of its properties file. */
async function tlsOfBroker(
  { alternativeNames = OWN_NAME, dayCount = 2 }: CertificateOptions = {},
): Promise<Settings> {
  const broker = await authority.issue(newName(), { alternativeNames, dayCount });
  const inline = async (path: string) => (await Deno.readTextFile(path)).replaceAll("\n", "\\n");
  return {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.key": await inline(broker.key),
    "ssl.keystore.certificate.chain": await inline(broker.certificate),
    "ssl.truststore.type": "PEM",
    "ssl.truststore.certificates": await inline(authority.certificate),
  };
}

async function addScramUser(kafka: KafkaServer): Promise<void> {
  for (const mechanism of MECHANISMS.slice(1)) {
    // The tool parts settings at commas, but for those in brackets.
    const credential = `${mechanism.toUpperCase()}=[password=${PASSWORD}]`;
    const args = ["--alter", "--entity-type", "users", "--entity-name", "alice"];
    await kafka.tool("kafka-configs", [...args, "--add-config", credential]);
  }
}

/** Opens a log as the program does with these settings. */
function open(KAFKA_BROKERS: string, settings: Settings) {
  return openKafkaTopicLog(parseConfig({ ROLES: "aggregator", KAFKA_BROKERS, ...settings }).kafka!);
}

async function works(broker: string, settings: Settings): Promise<void> {
  await using log = await open(broker, settings);
  const topic = newName();
  await log.create([specOf(topic)]);
  await log.append([recordOf(topic, "a")]);
  assert.deepEqual((await readRecords(log, topic, 1)).map(textOf), ["a"]);
}

async function fails(broker: string, settings: Settings, message: RegExp): Promise<void> {
  const startMs = performance.now();
  await assert.rejects(open(broker, settings), (error: Error) => {
    assert.match(error.message, message);
    assert.ok(!Deno.inspect(error).includes(PASSWORD));
    return true;
  });
  assert.ok(performance.now() - startMs < FAILURE_LIMIT_MS);
}

test("logins over TLS are let in, and what is wrong is said in words", async () => {
  const settings = { ...SASL, ...await tlsOfBroker() };
  await using kafka = await startKafka(settings, { protocol: "SASL_SSL" });
  const { broker } = kafka;
  await addScramUser(kafka);
  for (const KAFKA_SASL_MECHANISM of MECHANISMS) {
    const login = { ...LOGIN, KAFKA_SASL_MECHANISM };
    await works(broker, { ...TLS, ...login });
    await fails(
      broker,
      { ...TLS, ...login, KAFKA_PASSWORD: "sesame" },
      /^KAFKA_USERNAME=alice: the broker refused the login \(.+\); check KAFKA_SASL_MECHANISM, KAFKA_USERNAME and KAFKA_PASSWORD$/,
    );
  }
  const login = { ...LOGIN, KAFKA_SASL_MECHANISM: "scram-sha-512" };
  const unknown =
    /its certificate is of an authority that is not known here; name .* KAFKA_TLS_CA$/;
  await fails(broker, { KAFKA_TLS: "yes", ...login }, unknown);
  await fails(broker, { ...TLS, ...login, KAFKA_TLS_CA: stranger.certificate }, unknown);
  const closed = /it closed the connection: does this listener want TLS or a login\?/;
  await fails(broker, login, closed);
  await fails(broker, TLS, closed);
  await tellsNoPassword(broker, { ...TLS, ...login });
});

/** Runs a whole program under its own permissions, with a file of certificates and a password to hide. */
async function tellsNoPassword(KAFKA_BROKERS: string, settings: Settings): Promise<void> {
  const env = { ...settings, KAFKA_BROKERS, ROLES: "aggregator", LOG_LEVEL: "trace" };
  const run = async (env: Settings, program: string) => {
    const flags = permissionArguments(permissionsOf(parseConfig(env), null));
    const args = [
      "run",
      "--quiet",
      ...flags,
      new URL(`../../${program}`, import.meta.url).pathname,
    ];
    const result = await new Deno.Command(Deno.execPath(), { args, env }).output();
    const text = [result.stdout, result.stderr].map((b) => new TextDecoder().decode(b)).join("");
    assert.ok(!text.includes(PASSWORD) && !text.includes(encodeURIComponent(PASSWORD)), text);
    return { code: result.code, text };
  };
  const topics = await run(env, "commands/topics.ts");
  assert.equal(topics.code, 0, topics.text);
  assert.match(topics.text, /topics: there are none yet/);
  const config = await run(env, "commands/config.ts");
  assert.match(config.text, /KAFKA_PASSWORD +\(hidden\)/);
  const refused = await run({ ...env, KAFKA_USERNAME: "bob" }, "main.ts");
  assert.equal(refused.code, 1);
  assert.match(refused.text, /KAFKA_USERNAME=bob: the broker refused the login/);
  assert.doesNotMatch(refused.text, /^ +at |"stack"|Warning/m);
}

test("logins in plain text are let in, and what is wrong is said in words", async () => {
  await using kafka = await startKafka(SASL, { protocol: "SASL_PLAINTEXT" });
  const { broker } = kafka;
  await addScramUser(kafka);
  for (const KAFKA_SASL_MECHANISM of MECHANISMS) {
    const login = { ...LOGIN, KAFKA_SASL_MECHANISM };
    await works(broker, login);
    await fails(
      broker,
      { ...login, KAFKA_USERNAME: "bob" },
      /^KAFKA_USERNAME=bob: the broker refused/,
    );
    await fails(broker, { ...TLS, ...login }, /closed the connection instead of speaking TLS/);
  }
});

test("certificates let in on both sides, and what is wrong is said in words", async () => {
  const settings = { ...await tlsOfBroker(), "listener.name.client.ssl.client.auth": "required" };
  await using kafka = await startKafka(settings, { protocol: "SSL" });
  const { broker } = kafka;
  const [ours, others] = [await authority.issue("ours"), await stranger.issue("others")];
  const withCertificate = (certificate: string, key: string) => {
    return { ...TLS, KAFKA_TLS_CERT: certificate, KAFKA_TLS_KEY: key };
  };
  const mine = withCertificate(ours.certificate, ours.key);
  await works(broker, mine);
  const refused = /it does not accept our certificate; set KAFKA_TLS_CERT and KAFKA_TLS_KEY/;
  await fails(broker, TLS, refused);
  await fails(broker, withCertificate(others.certificate, others.key), refused);
  await fails(
    broker,
    { ...mine, ...LOGIN, KAFKA_SASL_MECHANISM: "plain" },
    /^KAFKA_SASL_MECHANISM: this listener of the broker takes no logins/,
  );
  await fails(
    broker,
    withCertificate(ours.certificate, others.key),
    /^KAFKA_TLS_KEY=.*others.key: is not the key of KAFKA_TLS_CERT=.*ours.pem/,
  );
  await fails(
    broker,
    { ...mine, KAFKA_TLS_CA: ours.key },
    /^KAFKA_TLS_CA=.*: holds no certificate/,
  );
  await fails(
    broker,
    { ...mine, KAFKA_TLS_CA: "/nowhere" },
    /^KAFKA_TLS_CA=\/nowhere: no such file/,
  );
});

test("a broker's certificate that has expired, or is another's, is refused in words", async () => {
  const rows = [
    [{ dayCount: -1 }, /its certificate has expired; renew it/],
    [{ alternativeNames: "DNS:elsewhere.example" }, /its certificate is for other hosts/],
  ] satisfies [CertificateOptions, RegExp][];
  for (const [certificate, message] of rows) {
    await using kafka = await startKafka(await tlsOfBroker(certificate), { protocol: "SSL" });
    await fails(kafka.broker, TLS, message);
  }
});
