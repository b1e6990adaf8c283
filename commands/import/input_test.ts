import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import { readRows } from "./input.ts";
import type { Row } from "./rows.ts";

const LIMITS = { timeMaxMs: Infinity, skipsZeroPrices: true };
const HEADER = "exchange,instrument,timestamp,price";

async function read(content: string | Uint8Array<ArrayBuffer>) {
  const path = await Deno.makeTempFile();
  try {
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    let byteCount = 0;
    const rows: Row[] = [];
    const refused: [number, string][] = [];
    for await (const batch of readRows(path, LIMITS, (count) => byteCount += count)) {
      rows.push(...batch.rows);
      for (const { lineNumber, detail } of batch.refused) refused.push([lineNumber, detail]);
    }
    strictEqual(byteCount, (await Deno.stat(path)).size);
    return { rows, refused };
  } finally {
    await Deno.remove(path);
  }
}

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

const ROW = { exchange: "a", instrument: "b", timestampMs: 5, price: 7 };

Deno.test("readRows() takes a byte order mark, CRLF, empty lines and a last line without an end", async () => {
  const { rows, refused } = await read(`\ufeff${HEADER}\r\n\r\na,b,5,7\r\n\na,b,5,7`);
  deepStrictEqual(rows, [ROW, ROW]);
  deepStrictEqual(refused, []);
});

Deno.test("readRows() numbers the lines that it refuses, and goes on", async () => {
  const { rows, refused } = await read(`${HEADER}\na,b,5,7\n\na,b,x,7\na,b,5,7\nfoo\n`);
  deepStrictEqual(rows, [ROW, ROW]);
  deepStrictEqual(refused.map(([line]) => line), [4, 6]);
});

Deno.test("readRows() reads lines across the pieces that a large file comes in", async () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => `ä${i % 7},b,${i},1`);
  for (
    const content of [
      `${HEADER}\n${lines.join("\n")}`,
      await gzip(`${HEADER}\n${lines.join("\n")}`),
    ]
  ) {
    const { rows } = await read(content);
    strictEqual(rows.length, lines.length);
    deepStrictEqual(rows[59_999], {
      exchange: "ä2",
      instrument: "b",
      timestampMs: 59_999,
      price: 1,
    });
  }
});

Deno.test("readRows() refuses a line that is too long without holding it", async () => {
  const { rows, refused } = await read(
    `${HEADER}\n${"x".repeat(700_000)}\na,b,5,7\n${"y".repeat(70_000)}`,
  );
  deepStrictEqual(rows, [ROW]);
  deepStrictEqual(refused.map(([line]) => line), [2, 4]);
  match(refused[0]![1], /longer than 65536/);
});

Deno.test("readRows() names the file that it cannot read to its end", async () => {
  const packed = await gzip(`${HEADER}\n${"a,b,5,7\n".repeat(1000)}`);
  await rejects(read(packed.slice(0, packed.length - 20)), /^Error: .+: .*gzip/);
  await rejects(
    read("<html>nothing here</html>\n"),
    /its first line "<html>.*" has no column exchange/,
  );
  await rejects(
    readRows("/nowhere.csv", LIMITS).next(),
    /^Error: \/nowhere.csv: there is no such file/,
  );
});

Deno.test("readRows() finds no rows in an empty file", async () => {
  deepStrictEqual(await read(""), { rows: [], refused: [] });
});
