import { deepStrictEqual, doesNotMatch, match, strictEqual } from "node:assert";
import { emptyStore, get, testApi } from "../tests/api_fixture.ts";
import { hashToken, makeToken } from "./tokens.ts";
import { PAGE_PATHS } from "./page.ts";

const TOKEN = makeToken();
const OTHER = makeToken();
const apiTokens = [
  { name: "alice", sha256: hashToken(TOKEN) },
  { name: "bob", sha256: hashToken(OTHER) },
];

function bearing(authorization?: string) {
  return authorization === undefined ? {} : { headers: { authorization } };
}

Deno.test("with tokens, everything but health and the files of pages needs one", async () => {
  const app = testApi({}, { apiTokens });
  const { links } = await (await app.request("/", bearing(`Bearer ${TOKEN}`))).json();
  const open = new Set(["/healthz", "/readyz", ...PAGE_PATHS]);
  for (const link of ["/", "/nope", "/v1/nope", ...links]) {
    const path = link.replace("{topic}", "samples");
    const { status } = await app.request(path);
    strictEqual(status, open.has(path) ? 200 : 401, path);
  }
});

for (
  const [authorization, status, challenge] of [
    [undefined, 401, 'Bearer realm="Data Tracker"'],
    ["", 401, 'Bearer realm="Data Tracker", error="invalid_token"'],
    [`Bearer ${TOKEN}x`, 401, 'Bearer realm="Data Tracker", error="invalid_token"'],
    [`Bearer ${hashToken(TOKEN)}`, 401, 'Bearer realm="Data Tracker", error="invalid_token"'],
    [`Bearer ${"a".repeat(5000)}`, 401, 'Bearer realm="Data Tracker", error="invalid_token"'],
    [`Basic ${btoa(`alice:${TOKEN}`)}`, 401, 'Bearer realm="Data Tracker", error="invalid_token"'],
    [TOKEN, 401, 'Bearer realm="Data Tracker", error="invalid_token"'],
    [`Bearer ${TOKEN}, Bearer x`, 401, 'Bearer realm="Data Tracker", error="invalid_token"'],
    [`Bearer ${TOKEN}`, 200, null],
    [`bearer  ${OTHER}`, 200, null],
  ] as const
) {
  Deno.test(`Authorization ${(authorization ?? "not given").slice(0, 20)}… answers ${status}`, async () => {
    const response = await testApi({}, { apiTokens }).request(
      "/v1/markets",
      bearing(authorization),
    );
    strictEqual(response.status, status);
    strictEqual(response.headers.get("www-authenticate"), challenge === null ? null : challenge);
    const body = await response.text();
    doesNotMatch(body, /dt_|alice|bob/);
    if (status === 401) {
      strictEqual(response.headers.get("content-type"), "application/problem+json");
      match(JSON.parse(body).detail, /Authorization: Bearer/);
    }
  });
}

Deno.test("with tokens, no cache may share an answer that stays", async () => {
  const app = testApi({ queries: emptyStore() }, { apiTokens });
  const response = await app.request("/v1/markets", bearing(`Bearer ${TOKEN}`));
  strictEqual(response.headers.get("cache-control"), "no-cache");
});

Deno.test("a page of another origin that is configured may send a token", async () => {
  const app = testApi({}, { apiTokens, corsOrigins: ["https://charts.example"] });
  const origin = "https://charts.example";
  const asked = {
    origin,
    "access-control-request-method": "GET",
    "access-control-request-headers": "authorization",
  };
  const preflight = await app.request("/v1/markets", { method: "OPTIONS", headers: asked });
  strictEqual(preflight.status, 204);
  strictEqual(preflight.headers.get("access-control-allow-headers"), "authorization");
  const refused = await app.request("/v1/markets", { headers: { origin } });
  deepStrictEqual(
    [refused.status, refused.headers.get("access-control-allow-origin")],
    [401, origin],
  );
});

Deno.test("messages of topics are refused where they need a token and there is none", async () => {
  const path = "/v1/topics/samples/messages";
  const closed = await get(testApi({}, { topicMessages: "token" }), path, 403);
  match(closed.detail, /deno task token NAME.*API_TOKENS.*TOPIC_MESSAGES=open/);
  // Let in: there is only no log.
  match((await get(testApi(), path, 404)).detail, /no topic log/);
  for (const topicMessages of ["open", "token"] as const) {
    const app = testApi({}, { topicMessages, apiTokens });
    strictEqual((await app.request(path)).status, 401);
    strictEqual((await app.request(path, bearing(`Bearer ${TOKEN}`))).status, 404);
  }
  strictEqual((await testApi({}, { topicMessages: "token" }).request("/v1/markets")).status, 200);
});
