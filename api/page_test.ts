import { doesNotMatch, match, ok, strictEqual } from "node:assert";
import { testApi } from "../tests/api_fixture.ts";

const SCRIPTS = [
  ...["format", "messages", "reference", "reference_model", "state", "token", "topics", "view"],
].map((name) => `/page/${name}.js`);

Deno.test("the pages and all that they name are served, each as what it is", async () => {
  const app = testApi();
  const types: [string, RegExp][] = [
    ["/topics", /^text\/html; charset=utf-8$/],
    ["/docs", /^text\/html; charset=utf-8$/],
    ["/page/reference.css", /^text\/css/],
    ["/page/topics.css", /^text\/css/],
    ["/page/icon.svg", /^image\/svg\+xml$/],
    ...SCRIPTS.map((path): [string, RegExp] => [path, /^text\/javascript/]),
  ];
  for (const [path, type] of types) {
    const response = await app.request(path);
    strictEqual(response.status, 200, path);
    match(response.headers.get("content-type")!, type);
    strictEqual(response.headers.get("x-content-type-options"), "nosniff");
    const text = await response.text();
    const named = [...text.matchAll(/(?:src|href)="(page\/[^"]+)"|from "\.\/([^"]+)"/g)];
    for (const [, ofPage, ofScript] of named) {
      const linked = `/${ofPage ?? `page/${ofScript}`}`;
      strictEqual((await app.request(linked)).status, 200, `${path} names ${linked}`);
    }
  }
});

Deno.test("the pages run and ask nothing but their own host, and make no markup of text", async () => {
  const app = testApi();
  for (const path of ["/topics", "/docs", ...SCRIPTS]) {
    const response = await app.request(path);
    const policy = response.headers.get("content-security-policy")!;
    for (
      const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ]
    ) ok(policy.split("; ").includes(rule), `${path}: ${rule}`);
    doesNotMatch(policy, /unsafe|https?:/);
    const text = await response.text();
    doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/,
    );
    doesNotMatch(text, /\s(?:on\w+|style)="|<style|<script(?![^>]*src=)/);
  }
});

Deno.test("the policy of all other answers stays: nothing may run", async () => {
  const { headers } = await testApi().request("/v1/markets");
  match(headers.get("content-security-policy")!, /^default-src 'none'; frame-ancestors/);
});
