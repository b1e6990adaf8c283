/**
 * One request of a channel: its time limit, what its answer means, and errors in words, alike for all.
 *
 * Trusts nothing that answers: of a body only the beginning is read, redirects stay on the host, and
 * no secret that an answer repeats gets into a reason. Of an address only scheme and host do: many
 * hooks have their key in the path.
 *
 * @module
 */
import { decoded } from "../../config/channel_secrets.ts";
import { redact } from "../../logging.ts";
import { type Delivery, SEND_TIMEOUT_MS } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";
import { VERSION } from "../../version.ts";
import { retryAtOf } from "../retry_after.ts";

/** Of an answer that is read, in bytes: errors say what they have to say within it. */
const BODY_BYTES_MAX = 16 * 1024;
/** Characters of an answer shown in a reason. */
const EXCERPT_LENGTH = 200;
/** Redirects followed within the host. */
const REDIRECT_COUNT_MAX = 3;
/** A receiver that wants more is not waited for longer than this, in ms. */
const RETRY_AFTER_MAX_MS = 24 * 3_600_000;

/** How fetch begins to say that nothing was sent: the name was not found, nobody listens, TLS failed. */
const UNCONNECTED = "client error (Connect)";

/** A POST. */
export interface HttpRequest {
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** What must not be told, whoever repeats it. */
  secrets: readonly string[];
}

/** How it ended. */
export type HttpOutcome = { ok: true; text: string } | HttpFailure;

type HttpFailure = { ok: false } & Omit<Extract<Delivery, { outcome: "failed" }>, "outcome">;

/** Sends a request; never rejects. `signal` ends it early: it has the time limit too. */
export async function sendHttp(
  request: HttpRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<HttpOutcome> {
  const outcome = await send(request, clock, signal);
  return outcome.ok ? outcome : { ...outcome, reason: redact(outcome.reason, request.secrets) };
}

/** The same for who asked for a send to one host. */
export function deliveryOf(outcome: HttpOutcome, to: string): Delivery {
  if (outcome.ok) return { outcome: "sent", to };
  const { ok: _, ...failure } = outcome;
  return { outcome: "failed", ...failure };
}

/** The signal of one send: the caller's, and the time limit. */
export function sendSignal(signal: AbortSignal, timeoutMs = SEND_TIMEOUT_MS): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
}

/** Why a signal ended a send. */
export function abortReason(signal: AbortSignal): string {
  const isTimeout = (signal.reason as Error | undefined)?.name === "TimeoutError";
  return isTimeout ? "no answer in time" : "stopped";
}

async function send(
  { url, headers, body, secrets }: HttpRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<HttpOutcome> {
  const name = url.origin;
  const failed = (retryable: boolean, what: string): HttpFailure => ({
    ...{ ok: false, retryable, reason: `${name}: ${what}` },
  });
  const sent = { "user-agent": `data-tracker/${VERSION}`, ...headers };
  try {
    new Headers(sent);
  } catch (error) {
    return failed(false, `a header cannot be sent: ${(error as Error).message}`);
  }
  let at = url;
  for (let redirects = 0;; redirects++) {
    let response: Response;
    try {
      response = await fetch(at, {
        ...{ method: "POST", headers: sent, body, redirect: "manual", signal },
      });
    } catch (error) {
      const unknown = (what: string): HttpFailure => ({ ...failed(true, what), isUnknown: true });
      // It may have connected, and said all there was to say.
      if (signal.aborted) return unknown(abortReason(signal));
      const why = rootOf(error);
      // A permission that is missing now is missing on every try, as is a port that fetch refuses.
      const isRefused = error instanceof Deno.errors.NotCapable || why.endsWith(" are blocked");
      const isUnconnected = isRefused || why.startsWith(UNCONNECTED);
      return isUnconnected
        ? failed(!isRefused, `cannot be reached: ${why}`)
        : unknown(`the connection was lost: ${why}`);
    }
    const location = response.headers.get("location");
    // Any other redirect makes a GET of what was a POST.
    const isRedirect = (response.status === 307 || response.status === 308) && location !== null;
    const hidden = [...secrets, ...pathsOf(url), ...pathsOf(at)];
    if (!isRedirect) return await outcomeOf(response, { name, clock, hidden });
    await response.body?.cancel();
    const next = URL.canParse(location, at) ? new URL(location, at) : null;
    if (next?.origin !== url.origin || redirects >= REDIRECT_COUNT_MAX) {
      return failed(false, "redirects, which is not followed: is the address right?");
    }
    at = next;
  }
}

/** The path as an answer may repeat it. */
function pathsOf({ pathname }: URL): string[] {
  const path = pathname.replace(/\/+$/, "");
  return [path, decoded(path)];
}

async function outcomeOf(
  response: Response,
  { name, clock, hidden }: { name: string; clock: Clock; hidden: readonly string[] },
): Promise<HttpOutcome> {
  const { status, headers } = response;
  const text = await beginningOf(response);
  if (response.ok) return { ok: true, text };
  const retryAtMs = retryAtOf(headers.get("retry-after"), clock.nowMs());
  const retryable = status === 408 || status === 425 || status === 429 || status >= 500;
  // Before it is cut, which could leave the half of a secret.
  const says = redact(errorTextOf(text) ?? text, hidden).replace(/\s+/g, " ").trim();
  const where = status >= 300 && status < 400 ? " (is the address right?)" : "";
  return {
    ...{ ok: false, retryable },
    reason: `${name}: answered ${status}${where}${
      says === "" ? "" : `: ${says.slice(0, EXCERPT_LENGTH)}`
    }`,
    ...(retryable && retryAtMs !== null && {
      retryAfterMs: Math.min(RETRY_AFTER_MAX_MS, Math.max(0, retryAtMs - clock.nowMs())),
    }),
  };
}

/** The status has come, so whatever happens to the body changes nothing. */
async function beginningOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let byteCount = 0;
  try {
    // Leaving the loop cancels the stream.
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk.subarray(0, BODY_BYTES_MAX - byteCount), { stream: true });
      byteCount += chunk.length;
      if (byteCount >= BODY_BYTES_MAX) break;
    }
  } catch {
    // It broke off: what came is all there is.
  }
  return text;
}

/** What an answer in JSON says in words. */
function errorTextOf(text: string): string | null {
  try {
    const { message, error } = JSON.parse(text);
    return [message, error].find((says) => typeof says === "string") ?? null;
  } catch {
    return null;
  }
}

function rootOf(error: unknown): string {
  let root = error as Error;
  while (root.cause instanceof Error) root = root.cause;
  return root.message.replace(/^error sending request (for url|from) .*?\): /, "");
}
