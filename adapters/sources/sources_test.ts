import assert from "node:assert/strict";
import { createSources, sourceHosts } from "./sources.ts";

const simulated = { seed: 1, marketCount: 8 };
const cryptowatch = {
  url: "https://prices.example/base",
  apiKey: null,
  endpoint: "prices",
} as const;

Deno.test("sources are made in the order named, and say which hosts they ask", () => {
  const config = { sources: ["cryptowatch", "simulated"], simulated, cryptowatch };
  assert.deepEqual(createSources(config).map(({ name }) => name), config.sources);
  assert.deepEqual(sourceHosts(config), ["prices.example:443"]);
  const local = { ...config, cryptowatch: { ...cryptowatch, url: "http://[::1]:8080/" } };
  assert.deepEqual(sourceHosts(local), ["[::1]:8080"]);
});

Deno.test("an unknown source, missing settings and a broken key are named, without the key", () => {
  const config = (sources: string[], apiKey: string | null = null) => ({
    sources,
    simulated,
    cryptowatch: sources.length > 1 ? null : { ...cryptowatch, apiKey },
  });
  assert.throws(() => createSources(config(["toString"])), {
    message: 'SOURCES: "toString" is no source; known are simulated, cryptowatch',
  });
  assert.throws(() => createSources(config(["simulated", "cryptowatch"])), {
    message: /^CRYPTOWATCH_URL: needed with SOURCES=cryptowatch/,
  });
  assert.throws(() => createSources(config(["cryptowatch"], "se same")), {
    message: /^CRYPTOWATCH_API_KEY: has characters that no key has/,
  });
});
