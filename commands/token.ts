/**
 * `deno task token`: makes a token of the API.
 *
 * @module
 */
import { hashToken, makeToken } from "../api/tokens.ts";
import { TOKEN_NAME } from "../config/access.ts";
import { type Command, EXIT, runCommand, UsageError } from "./command.ts";

/** The command. */
export const tokenCommand: Command = {
  name: "token",
  about: `
Makes a token for the API and prints it, once, with what API_TOKENS is to hold: NAME and the token's
SHA-256. NAME is whose it is, in letters, digits, dots, dashes and underscores. Nothing is stored.`,
  positionals: "NAME",
  options: {},
  run({ positionals: [name, ...more] }, output) {
    if (name === undefined || more.length > 0) throw new UsageError("token: takes one NAME");
    if (!TOKEN_NAME.test(name)) {
      throw new UsageError(
        `token: ${name}: must be 1 to 64 letters, digits, dots, dashes or underscores`,
      );
    }
    const token = makeToken();
    output.out(`Token, for ${name} alone, not shown again:\n  ${token}\n`);
    output.out(`Setting (separate several by commas):\n  API_TOKENS=${name}:${hashToken(token)}\n`);
    output.out(`Use:\n  curl -H 'Authorization: Bearer ${token}' localhost:8000/v1/markets\n`);
    return EXIT.ok;
  },
};

if (import.meta.main) Deno.exitCode = await runCommand(tokenCommand);
