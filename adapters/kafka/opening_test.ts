import { rejects, strictEqual } from "node:assert";
import type { ClusterConnection } from "./connection.ts";
import { explain } from "./errors.ts";
import { openConnection } from "./opening.ts";

/** A connection whose first tries to connect fail so. */
function failing(...errors: Error[]) {
  const connection = {
    tryCount: 0,
    reachability: { wasReached: false },
    retry(name: string) {
      const error = errors[this.tryCount++];
      return error ? Promise.reject(explain(name, error)) : Promise.resolve();
    },
  };
  return connection as typeof connection & ClusterConnection;
}

function protocolError(type: string, retriable: boolean): Error {
  return Object.assign(new Error(type), { name: "KafkaJSProtocolError", type, retriable });
}

const OPTIONS = { brokers: ["kafka:9092"], patienceMs: 60_000 };

Deno.test("openConnection() waits for a broker that answers, but has no leaders yet", async () => {
  const connection = failing(protocolError("LEADER_NOT_AVAILABLE", true));
  await openConnection(connection, OPTIONS);
  strictEqual(connection.tryCount, 2);
  strictEqual(connection.reachability.wasReached, true);
});

Deno.test("openConnection() waits for nothing that does not pass, nor without patience", async () => {
  const unsupported = failing(protocolError("UNSUPPORTED_VERSION", false));
  await rejects(openConnection(unsupported, OPTIONS), /UNSUPPORTED_VERSION/);
  const electing = failing(protocolError("LEADER_NOT_AVAILABLE", true));
  await rejects(openConnection(electing, { ...OPTIONS, patienceMs: 0 }), /LEADER_NOT_AVAILABLE/);
  strictEqual(unsupported.tryCount + electing.tryCount, 2);
});
