/**
 * Holds what people are told against `digests/` beside this file: a change of a text is seen here, and
 * then either wanted or not.
 *
 * @module
 */
import { ok, strictEqual } from "node:assert";
import { renderDigest, SMS_LENGTH_MAX } from "../../notifier/templates.ts";
import type { Digest } from "../../ports/channel.ts";
import { digestOf, notificationOf, NOW_MS, resolvedOf } from "../digests.ts";

const FOLDER = new URL("digests/", import.meta.url);
const RENEWAL = "deno run --allow-read --allow-write=tests/golden tests/golden/digest_test.ts " +
  "--renew";

const silentMarket = notificationOf({
  ...{ rule: "silence", kind: "marketSilent", instrument: "ethusd", base: "eth", price: null },
  ...{ value: 15 * 60_000, threshold: 15 * 60_000, baseline: null },
});
const silentSource = notificationOf({
  ...{ rule: "silence", kind: "sourceSilent", exchange: null, instrument: null, base: null },
  ...{ quote: null, source: "cryptowatch", price: null, value: 5_400_000, baseline: null },
  startedMs: NOW_MS - 86_400_000,
});
const hostile = notificationOf({
  ...{ exchange: "<script>alert(1)</script>", instrument: 'a"b&c', rule: "<b>it's</b>" },
});

const DIGESTS: Record<string, Digest> = {
  one: digestOf([notificationOf()]),
  over: digestOf([], [resolvedOf()]),
  several: digestOf(
    [
      notificationOf(),
      notificationOf({ exchange: "okx", price: 0.000012345678912345, value: 12.3456789 }),
      notificationOf({ kind: "ratioBelow", instrument: "ethusd", price: 512.5, value: 0.25 }),
      notificationOf({ kind: "deviation", instrument: "xrpusd", price: 2, value: 4.75 }),
    ],
    [resolvedOf({ instrument: "adausd" }), resolvedOf({ instrument: "solusd" }, 93_784_000)],
    { group: { rule: "leap", quote: "usd" } },
  ),
  silence: digestOf([silentMarket, silentSource], [], { group: {} }),
  repeat: digestOf([silentSource], [], { group: { rule: "silence" }, isRepeat: true }),
  cut: digestOf(
    Array.from({ length: 100 }, (_, i) => notificationOf({ instrument: `coin${i}usd` })),
    [],
    { firingCount: 10_000, resolvedCount: 1_234 },
  ),
  hostile: digestOf([hostile], [], { group: { rule: hostile.rule, exchange: hostile.exchange! } }),
};

function written(digest: Digest): Record<string, string> {
  const { subject, text, html, sms } = renderDigest(digest);
  return { "txt": `Subject: ${subject}\n\n${text}\n\n==== SMS\n${sms}\n`, html };
}

for (const [name, digest] of Object.entries(DIGESTS)) {
  Deno.test(`a digest reads as tests/golden/digests/${name}.txt and .html say`, async () => {
    for (const [ending, text] of Object.entries(written(digest))) {
      strictEqual(
        text,
        await Deno.readTextFile(new URL(`${name}.${ending}`, FOLDER)),
        `Digests read otherwise. If that is wanted, renew the files and look at them:\n  ${RENEWAL}`,
      );
    }
  });
}

Deno.test("a digest has no line longer than mail takes, and no text message that costs more than two", () => {
  for (const digest of Object.values(DIGESTS)) {
    const { subject, text, sms } = renderDigest(digest);
    ok(subject.length <= 120 && !/[\r\n]/.test(subject), subject);
    ok(text.split("\n").every((line) => line.length < 998));
    ok(sms.length <= SMS_LENGTH_MAX && /^[ -~]+$/.test(sms), sms);
  }
});

Deno.test("a digest lets no markup of a market through", () => {
  const { html } = renderDigest(DIGESTS.hostile!);
  ok(!/<script|<b>it/.test(html) && html.includes("&lt;script&gt;"), html);
});

if (Deno.args.includes("--renew")) {
  for (const [name, digest] of Object.entries(DIGESTS)) {
    for (const [ending, text] of Object.entries(written(digest))) {
      await Deno.writeTextFile(new URL(`${name}.${ending}`, FOLDER), text);
    }
  }
}
