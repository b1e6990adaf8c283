import { strictEqual } from "node:assert";
import { SETTING_NAMES } from "./settings.ts";
import { settingMeantBy } from "./typo.ts";

Deno.test("settingMeantBy() finds slips of every kind", () => {
  for (
    const [name, meant] of [
      ["PARTITION", "PARTITIONS"],
      ["ROLE", "ROLES"],
      ["DATADIR", "DATA_DIR"],
      ["FLUSH_INTERVALL", "FLUSH_INTERVAL"],
      ["FLUSH_INTERAVL", "FLUSH_INTERVAL"],
      ["KAFKA_BROKER", "KAFKA_BROKERS"],
      ["KAFKA-BROKERS", "KAFKA_BROKERS"],
      ["flush_interval", "FLUSH_INTERVAL"],
      ["WINDWO", "WINDOW"],
    ] as const
  ) strictEqual(settingMeantBy(name, SETTING_NAMES), meant, name);
});

Deno.test("settingMeantBy() leaves the names of ordinary environments alone", () => {
  for (
    const name of [
      ...["PATH", "HOME", "USER", "LANG", "TERM", "SHELL", "HOSTNAME", "DATE", "WINDOWID", "PWD"],
      ...[
        "HOSTTYPE",
        "KAFKA_PORT",
        "KAFKA_HOME",
        "KAFKA_OPTS",
        "NODE_ENV",
        "LOGNAME",
        "POSTGRES_URL",
      ],
      ...[
        "KAFKA_SERVICE_HOST",
        "KAFKA_PORT_9092_TCP",
        "CI",
        "TZ",
        "NO_COLOR",
        "DENO_DIR",
        "SESSION",
      ],
    ]
  ) strictEqual(settingMeantBy(name, SETTING_NAMES), null, name);
});
