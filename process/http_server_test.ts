import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert";
import { systemClock } from "../adapters/system_clock.ts";
import type { Peer } from "../api/client.ts";
import { listen } from "./http_server.ts";

const ADDRESS = { host: "127.0.0.1", port: 0 };
const textAt = async (url: string) => await (await fetch(url)).text();

Deno.test("a handler that is mounted answers until it is disposed of", async () => {
  await using server = listen(() => new Response("process"), ADDRESS, systemClock);
  strictEqual(await textAt(server.url), "process");
  {
    await using _mounted = server.mount(() => new Response("api"));
    strictEqual(await textAt(server.url), "api");
  }
  strictEqual(await textAt(server.url), "process");
});

Deno.test("a handler learns who asks", async () => {
  const handler = (_: Request, peer: Peer) => new Response(peer.remoteAddr.hostname);
  await using server = listen(handler, ADDRESS, systemClock);
  strictEqual(await textAt(server.url), "127.0.0.1");
});

Deno.test("a server that is disposed of cuts every connection", async () => {
  const server = listen(() => new Response(), ADDRESS, systemClock);
  const { hostname, port } = new URL(server.url);
  using idle = await Deno.connect({ hostname, port: Number(port) });
  await server[Symbol.asyncDispose]();
  strictEqual(await idle.read(new Uint8Array(1)), null);
  await rejects(fetch(server.url), TypeError);
});

Deno.test("a port in use, and an address of another machine, are named with what to do", async () => {
  await using server = listen(() => new Response(), ADDRESS, systemClock);
  const port = Number(new URL(server.url).port);
  throws(() => listen(() => new Response(), { ...ADDRESS, port }, systemClock), {
    message: `PORT: ${port} is in use by another program; set PORT to a free one`,
  });
  throws(
    () => listen(() => new Response(), { ...ADDRESS, host: "192.0.2.1" }, systemClock),
    /^\w*Error: HOST: cannot listen at 192\.0\.2\.1:0 .* set HOST to an address of this machine$/,
  );
});

/** A server with one answer under way; what happens to it. */
async function underWay(sleep: typeof systemClock.sleep) {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const server = listen(() => new Response("process"), ADDRESS, { ...systemClock, sleep });
  const mounted = server.mount(async () => {
    asked.resolve();
    await answer.promise;
    return new Response("api");
  });
  const response = fetch(server.url);
  // Looked at later, or not at all.
  response.catch(() => {});
  await asked.promise;
  return { server, mounted, answer, response };
}

Deno.test("dismounting lets answers under way end, and others answer meanwhile", async () => {
  const { server, mounted, answer, response } = await underWay(systemClock.sleep);
  await using _server = server;
  const dismounted = mounted[Symbol.asyncDispose]();
  strictEqual(await textAt(server.url), "process");
  answer.resolve();
  strictEqual(await (await response).text(), "api");
  await dismounted;
});

Deno.test("dismounting waits a while and no longer", async () => {
  const waits: number[] = [];
  const { server, mounted, answer, response } = await underWay((durationMs) => {
    waits.push(durationMs);
    return Promise.resolve();
  });
  await mounted[Symbol.asyncDispose]();
  strictEqual(waits.length, 1);
  ok(waits[0]! > 0 && waits[0]! < 8000, "it leaves time for the rest of a shutdown");
  await server[Symbol.asyncDispose]();
  await rejects(response, TypeError);
  answer.resolve();
});

Deno.test("a large upload to a handler that does not read it is answered", async () => {
  await using server = listen(() => new Response("no", { status: 405 }), ADDRESS, systemClock);
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const response = await fetch(server.url, { method: "POST", body: endless });
  deepStrictEqual([response.status, await response.text()], [405, "no"]);
});

Deno.test("IPv6 addresses are written as URLs want them", async () => {
  await using server = listen(() => new Response(), { host: "::1", port: 0 }, systemClock);
  match(server.url, /^http:\/\/\[::1\]:\d+$/);
});
