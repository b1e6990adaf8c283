/**
 * Metrics of the connection to Kafka.
 *
 * @module
 */
import { Counter, Gauge, type Registry } from "prom-client";

/** Shows in `registry` whether the brokers answer, and how often they did again after a loss. */
export function connectionMetrics(
  registry: Registry,
  state: () => { isConnected: boolean; reconnectionCount: number },
): void {
  new Gauge({
    name: "data_tracker_kafka_connected",
    help: "1 while no broker is known to be away, else 0",
    registers: [registry],
    collect() {
      this.set(state().isConnected ? 1 : 0);
    },
  });
  new Counter({
    name: "data_tracker_kafka_reconnections_total",
    help: "Times that the brokers answered again after a loss",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(state().reconnectionCount);
    },
  });
}
