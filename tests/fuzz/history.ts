/**
 * History for the fuzzer to ask after: markets with gaps, and what is odd but may be.
 *
 * @module
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** So far back it goes. */
const HOUR_COUNT = 48;

/** Each market's price, minute by minute; `null`: nothing was seen. */
const MARKETS: Readonly<Record<string, (minute: number) => number | null>> = {
  "kraken,btcusd": (minute) => isGap(minute) ? null : 6770 + (minute * 7919) % 97,
  "coinbase,btc-usd": (minute) => isGap(minute + 30) ? null : 6771 + (minute * 104_729) % 89,
  "bit-stamp,xrpusd": (minute) => 0.49 + (minute % 13) / 1e4,
  // A window of a single sample has no deviation.
  "lonely,etheur": (minute) => minute % 60 === 7 ? 310.25 : null,
  "still,usdtusd": () => 1,
  // Nothing can be divided by its mean.
  "dead,lunausd": () => 0,
  "wide,shibusd": (minute) => minute % 2 === 0 ? 5e-324 : 1e-300,
  "huge,satbtc": (minute) => 1e100 / (1 + minute % 3),
  "bourse-à-terme,₿%26?#/é": (minute) => 1 + minute % 5,
};

/** An hour that nobody polled, and the end of every other hour. */
function isGap(minute: number): boolean {
  return Math.floor(minute / 60) % 11 === 5 ||
    (Math.floor(minute / 60) % 2 === 0 && minute % 60 > 50);
}

/** The CSV that `deno task import` reads, up to the start of this hour. */
export function historyCsv(nowMs: number): string {
  const startMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS - HOUR_COUNT * HOUR_MS;
  const lines = ["exchange,instrument,timestamp,price"];
  for (const [market, priceAt] of Object.entries(MARKETS)) {
    for (let minute = 0; minute < HOUR_COUNT * 60; minute++) {
      const price = priceAt(minute);
      if (price !== null) lines.push(`${market},${startMs + minute * MINUTE_MS},${price}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
