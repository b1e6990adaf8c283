/**
 * One listening socket of the process, whose handlers come and go.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Peer } from "../api/client.ts";
import { OperatorError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";

/** Answers a request of this peer. */
export type Handler = (request: Request, peer: Peer) => Response | Promise<Response>;

/** A server that is listening, until it is disposed of: then all connections are cut. */
export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  /**
   * Lets `handler` answer from now on, in the place of the one before. Disposing of it gives the
   * requests back to that one, and resolves when the answers under way have ended, or will not soon.
   */
  mount(handler: Handler): AsyncDisposable;
}

/** How long answers under way may take once their handler is to stop, in ms: leaves half of the 8 s of a shutdown for the rest. */
const DRAIN_TIME_MAX_MS = 3000;

/** How long an answer that was there at once takes to be on its way, in ms, and more. */
const SENDING_TIME_MS = 50;

const logger = getLogger(["data-tracker"]);

/**
 * Listens.
 *
 * @param port 0 for any free one.
 * @param handler Answers while none is mounted.
 * @throws {Error} Where the address cannot be had; it says which setting to change.
 */
export function listen(
  handler: Handler,
  address: { host: string; port: number },
  clock: Clock,
): HttpServer {
  const { host: hostname, port } = address;
  const newlyMounted = (handler: Handler) => ({
    ...{ handler, answerCount: 0, drained: () => {} },
    /** When it last gave an answer that was there at once. */
    wholeMs: -Infinity,
  });
  let present = newlyMounted(handler);
  const stop = new AbortController();
  const options = { hostname, port, signal: stop.signal, onListen() {}, onError: unforeseen };
  const server = explained(address, () =>
    Deno.serve(options, (request, info) => {
      const asked = present;
      const answer = asked.handler(request, info);
      // One that is there at once is whole: to follow its sending would take longer than to send it.
      if (answer instanceof Response) {
        asked.wholeMs = performance.now();
        return answer;
      }
      asked.answerCount++;
      const ended = () => {
        if (--asked.answerCount === 0) asked.drained();
      };
      info.completed.then(ended, ended);
      return answer;
    }));
  const { addr } = server;
  const name = addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname;
  return {
    url: `http://${name}:${addr.port}`,
    mount(handler) {
      const before = present;
      const mounted = present = newlyMounted(handler);
      return {
        async [Symbol.asyncDispose]() {
          present = before;
          if (performance.now() - mounted.wholeMs < SENDING_TIME_MS) {
            await clock.sleep(SENDING_TIME_MS);
          }
          if (mounted.answerCount === 0) return;
          const drained = new AbortController();
          mounted.drained = () => drained.abort();
          await clock.sleep(DRAIN_TIME_MAX_MS, drained.signal);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      // Not server.shutdown(): it waits for open streams without end and cannot be cut short.
      stop.abort();
      await server.finished;
    },
  };
}

/** Nothing gets here that a handler could answer; what does must not reach the client. */
function unforeseen(error: unknown): Response {
  logger.error("A request failed: {error}", { error });
  return new Response(null, { status: 500 });
}

/** Calls `serve`, and words its failure for whoever chose the address. */
function explained<Server>(
  { host, port }: { host: string; port: number },
  serve: () => Server,
): Server {
  try {
    return serve();
  } catch (cause) {
    const message = cause instanceof Deno.errors.AddrInUse
      ? `PORT: ${port} is in use by another program; set PORT to a free one`
      : cause instanceof Deno.errors.PermissionDenied
      ? `PORT: ${port} may not be listened at by this user; set PORT to one above 1023`
      : `HOST: cannot listen at ${host}:${port} (${
        (cause as Error).message
      }); set HOST to an address of this machine`;
    throw new OperatorError(message, { cause });
  }
}
