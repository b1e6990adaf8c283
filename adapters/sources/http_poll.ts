/**
 * One poll over HTTP: time-outs, retries, limits, and errors in words, alike for every source.
 *
 * Trusts nothing that answers: bodies are cut off at a limit, redirects stay on the host, and
 * whatever is not JSON becomes a {@link SourceError}.
 *
 * @module
 */
import pRetry from "p-retry";
import type { Clock } from "../../ports/clock.ts";
import { SourceError } from "../../ports/market_source.ts";
import { retryAtOf } from "../retry_after.ts";

/** Largest answer read, in bytes: 20,000 markets with their summaries are 5 MB. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;
/** Tries of one request: with the back-off below they take some 4 s, so that a tick is not lost to a hiccup. */
const TRIES_MAX = 4;
/** First wait before a try, in ms; doubles, times 1 to 2 by chance. */
const BACK_OFF_MIN_MS = 400;
/** Redirects followed within the host. */
const REDIRECT_COUNT_MAX = 3;
/** Characters of an answer shown in an error. */
const EXCERPT_LENGTH = 80;

/** How one source's requests are made. */
export interface HttpConfig {
  headers: Readonly<Record<string, string>>;
  /** For the whole poll, in ms: all pages, retries and waits. */
  timeoutMs: number;
  /** First wait before a retry, in ms. */
  backOffMinMs?: number;
  bodyBytesMax?: number;
}

/**
 * Asks for a URL.
 *
 * @param inspect Told the JSON of every answer, of errors too: they may cost credits.
 * @returns The JSON of a 2xx answer.
 * @throws {SourceError} On anything else, after the retries that make sense.
 */
export type Get = (url: URL, inspect: (json: unknown) => void) => Promise<unknown>;

/** Does one poll's `work` within the time-out. `signal` ends it early. */
export async function httpPoll<T>(
  config: HttpConfig,
  clock: Clock,
  signal: AbortSignal,
  work: (get: Get) => Promise<T>,
): Promise<T> {
  const { timeoutMs } = config;
  const deadlineMs = clock.nowMs() + timeoutMs;
  const over = new AbortController();
  const done = new AbortController();
  const stop = () => over.abort(new SourceError("stopped", "unreachable"));
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  clock.sleep(timeoutMs, done.signal).then(() =>
    over.abort(new SourceError(`no whole answer within ${timeoutMs / 1000} s`, "unreachable"))
  );
  try {
    return await work((url, inspect) => get(url, inspect, config, clock, deadlineMs, over.signal));
  } finally {
    done.abort();
    signal.removeEventListener("abort", stop);
  }
}

/** An error that says whether asking again makes sense. */
class HttpError extends SourceError {
  retryable = false;
}

async function get(
  url: URL,
  inspect: (json: unknown) => void,
  config: HttpConfig,
  clock: Clock,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return await pRetry(() => getOnce(url, inspect, config, clock, signal), {
      signal,
      retries: TRIES_MAX - 1,
      minTimeout: config.backOffMinMs ?? BACK_OFF_MIN_MS,
      randomize: true,
      shouldRetry: ({ error, retryDelay }) =>
        error instanceof HttpError && error.retryable &&
        Math.max(error.retryAtMs ?? 0, clock.nowMs() + retryDelay) < deadlineMs,
      // The source's own wait comes first, the back-off on top of it spreads those who got the same.
      async onFailedAttempt({ error, retriesLeft }) {
        if (!(error instanceof HttpError) || !error.retryable || error.retryAtMs === null) return;
        if (retriesLeft > 0 && error.retryAtMs < deadlineMs) {
          await clock.sleep(Math.max(0, error.retryAtMs - clock.nowMs()), signal);
        }
      },
    });
  } catch (error) {
    if (error instanceof HttpError) throw error;
    const told = error instanceof SourceError ? error : null;
    throw new SourceError(
      `${nameOf(url)}: ${error instanceof Error ? error.message : error}`,
      told?.kind ?? "failed",
      { cause: error },
    );
  }
}

async function getOnce(
  url: URL,
  inspect: (json: unknown) => void,
  config: HttpConfig,
  clock: Clock,
  signal: AbortSignal,
): Promise<unknown> {
  const response = await follow(url, config, signal);
  const { status, headers } = response;
  let text: string;
  try {
    text = await readText(response, config.bodyBytesMax ?? BODY_BYTES_MAX);
  } catch (error) {
    if (signal.aborted || error instanceof SourceError) throw error;
    throw unreachable(url, "the answer broke off", error);
  }
  let json: unknown;
  let problem: string | null = null;
  try {
    json = JSON.parse(text);
    inspect(json);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    problem = text === "" ? "nothing" : `no JSON: ${excerpt(text)}`;
  }
  if (response.ok) {
    if (problem === null) return json;
    throw new HttpError(`${nameOf(url)}: answered ${status} with ${problem}`, "malformed");
  }
  const says = errorTextOf(json) ?? excerpt(text);
  const refused = status === 429 || status === 418;
  const retryAtMs = retryAtOf(headers.get("retry-after"), clock.nowMs());
  const error = new HttpError(
    `${nameOf(url)}: answered ${status}${says === "" ? "" : `: ${says}`}`,
    refused ? "refused" : "failed",
    { retryAtMs },
  );
  error.retryable = refused || status >= 500 || status === 408;
  throw error;
}

/** Asks, and follows redirects on the same host: elsewhere they would carry the key away. */
async function follow(url: URL, { headers }: HttpConfig, signal: AbortSignal): Promise<Response> {
  let at = url;
  for (let redirects = 0;; redirects++) {
    let response: Response;
    try {
      response = await fetch(at, {
        headers: { accept: "application/json", ...headers },
        redirect: "manual",
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw unreachable(url, "cannot be reached", error);
    }
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, at) ? new URL(location, at) : null;
    if (next?.origin !== url.origin || redirects >= REDIRECT_COUNT_MAX) {
      const where = next?.origin === url.origin ? "too often" : `to ${location.slice(0, 200)}`;
      throw new HttpError(
        `${nameOf(url)}: redirects ${where}, which is not followed: is the address right?`,
        "failed",
      );
    }
    at = next;
  }
}

async function readText(response: Response, bytesMax: number): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let byteCount = 0;
  // Leaving the loop cancels the stream.
  for await (const chunk of response.body) {
    byteCount += chunk.length;
    if (byteCount > bytesMax) {
      throw new HttpError(
        `${
          nameOf(new URL(response.url))
        }: answered with more than ${bytesMax} bytes, which were not read on`,
        "malformed",
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function unreachable(url: URL, what: string, cause: unknown): HttpError {
  let root = cause as Error;
  while (root.cause instanceof Error) root = root.cause;
  const why = root.message.replace(/^error sending request for url \(.*?\): /, "");
  const error = new HttpError(`${nameOf(url)}: ${what}: ${why}`, "unreachable", {
    cause,
  });
  // A permission that is missing now is missing on every try.
  error.retryable = !(cause instanceof Deno.errors.NotCapable);
  return error;
}

function errorTextOf(json: unknown): string | null {
  const error = (json as { error?: unknown } | null | undefined)?.error;
  return typeof error === "string" ? error.slice(0, 200) : null;
}

function excerpt(text: string): string {
  const line = text.slice(0, EXCERPT_LENGTH * 2).replace(/\s+/g, " ").trim();
  return line.length > EXCERPT_LENGTH ? `${line.slice(0, EXCERPT_LENGTH)}…` : line;
}

/** Without its query: cursors are long and keys are secret. */
function nameOf(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
