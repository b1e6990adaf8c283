/**
 * A test's Postgres as a container of the official image, by Testcontainers, at a port of this
 * machine that outlives a restart.
 *
 * @module
 */
import {
  type ContainerRuntimeClient,
  GenericContainer,
  getContainerRuntimeClient,
  getReaper,
  ImageName,
  Wait,
} from "testcontainers";
import { pause } from "./pause.ts";
import type { PostgresServer } from "./postgres_server.ts";
import {
  cutConnections,
  freePort,
  LOGIN,
  query,
  untilAnswering,
  urlAt,
} from "./postgres_session.ts";

const IMAGE = "postgres:16-alpine";
const STOP_TIMEOUT_MS = 30_000;
/** Marks containers of these tests. */
const LABEL = "data-tracker.test";
/** As docker-compose.yml gives them; the image's own server is reached at its usual port. */
const [ENVIRONMENT, PORT] = [{
  POSTGRES_USER: LOGIN.user,
  POSTGRES_PASSWORD: LOGIN.password,
  POSTGRES_DB: LOGIN.database,
}, 5432];

/**
 * Looks for a Docker engine and the image, which it pulls where it is not there yet. Where
 * Testcontainers' own remover cannot be had, goes on without it.
 *
 * @throws In words, where Postgres cannot run in a container.
 */
export async function prepareContainers(): Promise<void> {
  const client = await getContainerRuntimeClient();
  await client.image.pull(ImageName.fromString(IMAGE));
  await getReaper(client).catch(() => Deno.env.set("TESTCONTAINERS_RYUK_DISABLED", "true"));
}

/** Starts a server in a container of its own, which is removed when it is disposed of. */
export async function startContainer(): Promise<PostgresServer> {
  const client = await getContainerRuntimeClient();
  const port = freePort();
  const started = await new GenericContainer(IMAGE)
    .withLabels({ [LABEL]: "postgres" })
    .withEnvironment(ENVIRONMENT)
    .withExposedPorts({ container: PORT, host: port })
    // Its port is open while it still makes itself ready; we ask it ourselves.
    .withWaitStrategy(Wait.forLogMessage(/./))
    .start();
  // By name it may be an IPv6 address, which the engine need not forward.
  const host = client.info.containerRuntime.host.replace(/^localhost$/, "127.0.0.1");
  const container = client.container.getById(started.getId());
  const server = new PostgresContainer(client, container, urlAt(host, port));
  await server.untilAnswering();
  return server;
}

class PostgresContainer implements PostgresServer {
  #isFrozen = false;

  constructor(
    private readonly client: ContainerRuntimeClient,
    private readonly container: ReturnType<ContainerRuntimeClient["container"]["getById"]>,
    readonly url: string,
  ) {}

  async stop(): Promise<void> {
    await this.client.container.stop(this.container, { timeout: STOP_TIMEOUT_MS });
  }

  async kill(): Promise<void> {
    if (this.#isFrozen) await this.signal("SIGCONT");
    await this.container.kill({ signal: "SIGKILL" });
    await this.container.wait();
  }

  async restart(): Promise<void> {
    await this.container.start();
    await this.untilAnswering();
  }

  async signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
    this.#isFrozen = signal === "SIGSTOP";
    await (this.#isFrozen ? pause(this.container) : this.container.unpause());
  }

  cutConnections(): Promise<void> {
    return cutConnections(this.url);
  }

  query(sql: string): Promise<unknown[][]> {
    return query(this.url, sql);
  }

  /** Waits until it answers; while it makes its first database it does so only inside the container. */
  untilAnswering(): Promise<void> {
    return untilAnswering(this.url, async () => {
      if ((await this.container.inspect()).State.Running) return null;
      return String(await this.container.logs({ stdout: true, stderr: true })).slice(-4000);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFrozen) await this.signal("SIGCONT");
    await this.container.remove({ force: true, v: true });
  }
}
