import { rejects } from "node:assert";
import { StoreUnavailableError } from "../../ports/statistics_store.ts";
import { Database } from "./database.ts";
import { parseDatabaseUrl } from "./database_url.ts";

const encoder = new TextEncoder();

/** A message of Postgres's protocol: its type, and its content after the length. */
function message(type: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + content.length);
  bytes.set(encoder.encode(type));
  new DataView(bytes.buffer).setInt32(1, 4 + content.length);
  bytes.set(content, 5);
  return bytes;
}

Deno.test("a server that ends a connection in the moment it is ready does not end the process", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const readyAndEnded = [
    message("R", new Uint8Array(4)), // Authenticated.
    message("Z", encoder.encode("I")), // Ready.
    message("E", encoder.encode("SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0")),
  ];
  const serving = (async () => {
    for await (const connection of listener) {
      using open = connection;
      await open.read(new Uint8Array(1024));
      await open.write(new Uint8Array(await new Blob(readyAndEnded as BlobPart[]).arrayBuffer()));
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const address = parseDatabaseUrl(`postgres://u:p@127.0.0.1:${port}/d?sslmode=disable`);
  await using database = await Database.open(address);
  await rejects(database.run("SELECT 1"), StoreUnavailableError);
  listener.close();
  await serving;
});
