import { tellAndTakeOver } from "../pipeline/notifier_scenario.ts";
import { openLog } from "./kafka_fixture.ts";
import { kafkaTest as test, sharedKafka } from "./kafka_server.ts";

const kafka = await sharedKafka();

test("on Kafka one notifier tells, and another goes on where it stopped", async () => {
  await using first = await openLog(kafka.broker);
  await using second = await openLog(kafka.broker);
  await tellAndTakeOver(first, second);
});
