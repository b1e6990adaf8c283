/**
 * A real Prometheus Alertmanager for tests, as it is installed: a process of this machine.
 *
 * @module
 */
import { waitUntil } from "./kafka_fixture.ts";
import { freePort } from "./postgres_session.ts";

/** An alert as Alertmanager lists it. */
export interface ListedAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  fingerprint: string;
}

/** A server on this machine. */
export interface AlertmanagerServer extends AsyncDisposable {
  url: string;
  /** What is firing. */
  alerts(): Promise<ListedAlert[]>;
}

/** As Debian calls it, and as its makers do. */
const PROGRAMS = ["prometheus-alertmanager", "alertmanager"];

/** Looks for the program. @throws In words, where there is none. */
export async function prepareAlertmanager(): Promise<string> {
  for (const program of PROGRAMS) {
    const version = new Deno.Command(program, { args: ["--version"] }).output();
    if (await version.then(({ success }) => success, () => false)) return program;
  }
  throw new Error("it is not installed; Debian's package is prometheus-alertmanager");
}

/** Starts a server that tells `webhookUrl` of everything at once, and ends what has no end after 1 s. */
export async function startAlertmanager(webhookUrl: string): Promise<AlertmanagerServer> {
  const program = await prepareAlertmanager();
  const folder = await Deno.makeTempDir({ prefix: "alertmanager-" });
  await Deno.writeTextFile(
    `${folder}/config.json`,
    // Its YAML takes JSON.
    JSON.stringify({
      global: { resolve_timeout: "1s" },
      route: {
        ...{ receiver: "hook", group_by: ["alertname", "exchange"], group_wait: "0s" },
        ...{ group_interval: "1s", repeat_interval: "1h" },
      },
      receivers: [{
        name: "hook",
        webhook_configs: [{ url: webhookUrl, send_resolved: true }],
      }],
    }),
  );
  const url = `http://127.0.0.1:${freePort()}`;
  const child = new Deno.Command(program, {
    args: [
      ...[`--config.file=${folder}/config.json`, `--storage.path=${folder}/data`],
      ...[`--web.listen-address=${new URL(url).host}`, "--cluster.listen-address="],
    ],
    ...{ stdout: "null", stderr: "null" },
  }).spawn();
  const isReady = async () => {
    const response = await fetch(`${url}/-/ready`).catch(() => null);
    await response?.body?.cancel();
    return response?.ok === true;
  };
  await waitUntil("Alertmanager to be ready", isReady);
  return {
    url,
    alerts: async () => await (await fetch(`${url}/api/v2/alerts`)).json(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}
