/**
 * A proxy between the members and the broker, whose connections can be cut while both ends are well.
 *
 * @module
 */

/** The proxy; it listens until it is disposed of. */
export class TcpProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  #target: Deno.ConnectOptions | null = null;
  readonly #accepting = this.#accept();

  /** Where it listens. */
  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Says where connections lead. */
  leadTo(hostname: string, port: number): void {
    this.#target = { hostname, port };
  }

  /** Cuts all connections. */
  cut(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    this.cut();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) void this.#join(client);
  }

  /** Passes bytes on in both directions; where one ends, both do. */
  async #join(client: Deno.Conn): Promise<void> {
    this.#open.add(client);
    let server: Deno.Conn | null = null;
    try {
      server = await Deno.connect(this.#target!);
      this.#open.add(server);
      const [there, back] = [
        client.readable.pipeTo(server.writable),
        server.readable.pipeTo(client.writable),
      ];
      await Promise.allSettled(
        [there, back].map((way) => way.finally(() => close(client, server))),
      );
    } catch {
      // The broker is away: so is its proxy.
    }
    close(client, server);
    this.#open.delete(client);
    if (server !== null) this.#open.delete(server);
  }
}

function close(...conns: (Deno.Conn | null)[]): void {
  for (const conn of conns) {
    try {
      conn?.close();
    } catch {
      // It is closed.
    }
  }
}
