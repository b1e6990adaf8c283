/**
 * The pages: the topic browser at `/topics`, and the API's reference at `/docs`. Files of page/, embedded in the program, so that serving them needs
 * no permission to read.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
import format from "../page/format.js" with { type: "text" };
import icon from "../page/icon.svg" with { type: "text" };
import messages from "../page/messages.js" with { type: "text" };
import referenceStyle from "../page/reference.css" with { type: "text" };
import referencePage from "../page/reference.html" with { type: "text" };
import reference from "../page/reference.js" with { type: "text" };
import referenceModel from "../page/reference_model.js" with { type: "text" };
import state from "../page/state.js" with { type: "text" };
import style from "../page/topics.css" with { type: "text" };
import token from "../page/token.js" with { type: "text" };
import page from "../page/topics.html" with { type: "text" };
import topics from "../page/topics.js" with { type: "text" };
import view from "../page/view.js" with { type: "text" };

const SCRIPT = "text/javascript; charset=utf-8";

/** What is served, by path: its text and its type. */
const FILES: Readonly<Record<string, readonly [string, string]>> = {
  "/topics": [page, "text/html; charset=utf-8"],
  "/docs": [referencePage, "text/html; charset=utf-8"],
  "/page/reference.css": [referenceStyle, "text/css; charset=utf-8"],
  "/page/reference.js": [reference, SCRIPT],
  "/page/reference_model.js": [referenceModel, SCRIPT],
  "/page/topics.css": [style, "text/css; charset=utf-8"],
  "/page/icon.svg": [icon, "image/svg+xml"],
  "/page/topics.js": [topics, SCRIPT],
  "/page/format.js": [format, SCRIPT],
  "/page/messages.js": [messages, SCRIPT],
  "/page/state.js": [state, SCRIPT],
  "/page/token.js": [token, SCRIPT],
  "/page/view.js": [view, SCRIPT],
};

/**
 * The browser shows keys and values that come from anywhere: nothing but its own files runs or is asked,
 * and no text can become markup, by whatever mistake.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Where they are served. */
export const PAGE_PATHS: readonly string[] = Object.keys(FILES);

/** Adds the routes. */
export function routePage(app: OpenAPIHono): void {
  for (const [path, [text, type]] of Object.entries(FILES)) {
    app.get(path, (c) => {
      c.header("Content-Security-Policy", POLICY);
      return c.body(text, 200, { "content-type": type });
    });
  }
}
