import { ok } from "node:assert";
import { GROUPS, topicSpecs } from "../../topology.ts";

Deno.test("README's diagram names every topic that flows and every role that reads one", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const diagram = /## How it works\s+```([\s\S]*?)```/.exec(readme)![1]!;
  for (const { name } of topicSpecs("kafka", 6)) {
    ok(diagram.includes(name), `topic ${name} is not in the diagram`);
  }
  for (const [role, { topics }] of Object.entries(GROUPS)) {
    for (const topic of topics) {
      const topicAt = diagram.indexOf(topic);
      const roleAt = diagram.indexOf(role, topicAt - 40);
      ok(roleAt >= 0, `${role} does not follow ${topic} in the diagram`);
    }
  }
});
