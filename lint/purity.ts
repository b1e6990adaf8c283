/**
 * House rules for `deno lint`: time, chance, network and environment come in through ports.
 *
 * `pure-folder` rejects them by name in the folders that hold arithmetic, decisions and roles;
 * `config-only-env` rejects the environment everywhere but in config.ts. Tests are free of both.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** Where nothing may be named that ports/ has a port for. */
const PURE = /^(stats|ports|roles|sampler|aggregator|writer|monitor|notifier)\/|^topology\.ts$/;

/** Not a part of the program. */
const TEST = /_test\.ts$|^(tests|bench)\//;

/** What the machine gives, as object or function. */
const MACHINE = new Set(
  "Deno process performance crypto console fetch setTimeout setInterval setImmediate WebSocket localStorage"
    .split(" "),
);

/** Single members of what is else pure. */
const MACHINE_MEMBERS = new Set(["Date.now", "Math.random", "AbortSignal.timeout"]);

const HINT = "Take it through a port (ports/clock.ts, say), as a value or in the role's deps.";

const root = slashed(fileURLToPath(new URL("../", import.meta.url)));

function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}

/** The file's place in the project. */
function pathOf(filename: string): string {
  const path = slashed(filename);
  return path.startsWith(root) ? path.slice(root.length) : path;
}

/** `object.member` where both are plain names. */
function memberName(node: Deno.lint.MemberExpression): string | null {
  const { object, property } = node;
  return object.type === "Identifier" && property.type === "Identifier" && !node.computed
    ? `${object.name}.${property.name}`
    : null;
}

function pureFolder(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  const path = pathOf(context.filename);
  if (!PURE.test(path) || TEST.test(path)) return {};
  const declared = new Set<string>();
  const found: { node: Deno.lint.Node; name: string; own: string }[] = [];
  const declare = (node: { type: string; name?: unknown } | null) => {
    if (node?.type === "Identifier") declared.add(String(node.name));
  };
  const use = (node: Deno.lint.Node, name = "") => {
    if (node.type !== "Identifier") return;
    const text = name || node.name;
    if (MACHINE.has(node.name) || MACHINE_MEMBERS.has(text)) {
      found.push({ node, name: text, own: node.name });
    }
  };
  return {
    VariableDeclarator: (node) => {
      declare(node.id);
      if (node.init) use(node.init);
    },
    FunctionDeclaration: (node) => [node.id, ...node.params].forEach(declare),
    FunctionExpression: (node) => node.params.forEach(declare),
    ArrowFunctionExpression: (node) => node.params.forEach(declare),
    ImportSpecifier: (node) => declare(node.local),
    Property: (node) => {
      // `{ fetch }` as a value, and not a pattern that takes one apart.
      if (node.parent.type === "ObjectExpression") use(node.value);
      else declare(node.value);
    },
    MemberExpression(node) {
      const name = memberName(node);
      if (name?.startsWith("globalThis.")) found.push({ node, name, own: "globalThis" });
      else use(node.object, name ?? "");
    },
    CallExpression(node) {
      use(node.callee);
      node.arguments.forEach((argument) => use(argument));
    },
    NewExpression(node) {
      use(node.callee);
      const now = node.callee.type === "Identifier" && node.callee.name === "Date" &&
        node.arguments.length === 0;
      if (now) found.push({ node, name: "new Date()", own: "Date" });
    },
    "Program:exit"() {
      for (const { node, name, own } of found) {
        if (declared.has(own)) continue;
        context.report({ node, message: `${name} in ${path}: this folder is pure`, hint: HINT });
      }
    },
  };
}

function configOnlyEnv(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  const path = pathOf(context.filename);
  if (path === "config.ts" || TEST.test(path)) return {};
  return {
    MemberExpression(node) {
      const name = memberName(node);
      if (name !== "Deno.env" && name !== "process.env") return;
      context.report({
        node,
        message: `${name} in ${path}: only config.ts reads the environment`,
        hint: "Add a setting to config/settings.ts and pass its value on.",
      });
    },
  };
}

/** The rules. */
const plugin: Deno.lint.Plugin = {
  name: "data-tracker",
  rules: {
    "pure-folder": { create: pureFolder },
    "config-only-env": { create: configOnlyEnv },
  },
};
export default plugin;
