/**
 * A server that channels send to, and their settings.
 *
 * @module
 */
import { type ChannelConfig, parseConfig } from "../config.ts";

/** One request as it came. */
export interface ReceivedRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** A server on this machine that keeps what it gets. */
export interface Receiver extends AsyncDisposable {
  /** Without a slash at the end. */
  url: string;
  requests: ReceivedRequest[];
}

/** Starts one that answers as told; 200 with nothing otherwise. */
export function receiver(
  answer: (request: Request, body: string) => Response | Promise<Response> = () => new Response(),
): Receiver {
  const requests: ReceivedRequest[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = await request.text();
      requests.push({
        ...{ method: request.method, path: pathname + search, body },
        headers: Object.fromEntries(request.headers),
      });
      return await answer(request, body);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A channel as `CHANNELS` would make it. */
export function channelOf(
  spec: Record<string, unknown>,
  environment: Record<string, string> = {},
): ChannelConfig {
  const CHANNELS = JSON.stringify([spec]);
  return parseConfig({ SOURCES: "simulated", CHANNELS, ...environment }).channels[0]!;
}
