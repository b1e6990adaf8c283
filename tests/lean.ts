/**
 * Makes the import format of recorded minute rows (`ms since 00:00 UTC,open,high,low,close,volume`,
 * in files called `exchange_date_market_minute_trade.csv`): the close as the price at the minute's
 * start.
 *
 * `deno run --allow-read tests/lean.ts FILE… > history.csv`
 *
 * @module
 */

/** The header of the import format. */
export const IMPORT_HEADER = "exchange,instrument,timestamp,price";

const NAME = /([^/_]+)_(\d{4})(\d\d)(\d\d)_([^/_]+)_minute_trade\.csv$/;

/**
 * The rows of one file, without a header.
 *
 * @param name The file's name, which says exchange, date and market.
 * @throws {TypeError} Where the name or a row is of another form.
 */
export function importRows(name: string, text: string): string[] {
  const [, exchange, year, month, day, instrument] = NAME.exec(name) ?? [];
  if (instrument === undefined) throw new TypeError(`${name}: no EXCHANGE_YYYYMMDD_MARKET name`);
  const midnightMs = Date.UTC(Number(year), Number(month) - 1, Number(day));
  return text.trim().split(/\r?\n/).map((line, i) => {
    const [sinceMs, , , , close] = line.split(",");
    if (!/^\d+$/.test(sinceMs ?? "") || close === undefined) {
      throw new TypeError(`${name}:${i + 1}: not a minute row: ${line}`);
    }
    return `${exchange},${instrument},${midnightMs + Number(sinceMs)},${close}`;
  });
}

if (import.meta.main) {
  const rows = Deno.args.flatMap((path) => importRows(path, Deno.readTextFileSync(path)));
  const bytes = new TextEncoder().encode(`${[IMPORT_HEADER, ...rows].join("\n")}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
