/**
 * A mail server that answers as it is told, in plain text: for what a real one cannot be brought to.
 *
 * @module
 */

/** Its answer to a command, by its first word in capitals; `null`: the connection is closed. */
export type SmtpAnswers = (command: string, line: string) => string | null | undefined;

/** A server on this machine. */
export interface SmtpDialogue extends AsyncDisposable {
  port: number;
  /** All lines that came, of messages too. */
  lines: string[];
}

/** Starts one; what `answers` leaves `undefined` is answered as usual. */
export function smtpDialogue(answers: SmtpAnswers = () => undefined): SmtpDialogue {
  const lines: string[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const accepting = (async () => {
    const talks: Promise<void>[] = [];
    for await (const connection of listener) {
      open.add(connection);
      talks.push(talk(connection, lines, answers).finally(() => open.delete(connection)));
    }
    await Promise.all(talks);
  })();
  return {
    ...{ port: listener.addr.port, lines },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) tryClose(connection);
      await accepting;
    },
  };
}

async function talk(
  connection: Deno.Conn,
  lines: string[],
  answers: SmtpAnswers,
): Promise<void> {
  const say = (text: string) => connection.write(new TextEncoder().encode(`${text}\r\n`));
  let isMessage = false;
  let rest = "";
  try {
    await say("220 test");
    for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) {
      const parts: string[] = (rest + chunk).split("\r\n");
      rest = parts.pop()!;
      for (const line of parts) {
        lines.push(line);
        if (isMessage && line !== ".") continue;
        const command: string = isMessage ? "." : line.split(/[ :]/)[0]!.toUpperCase();
        isMessage = false;
        const answer = answers(command, line);
        if (answer === null) return;
        await say(answer ?? usual(command));
        isMessage = command === "DATA" && answer === undefined;
      }
    }
  } catch {
    // The other side has gone, which a test may want.
  } finally {
    tryClose(connection);
  }
}

function usual(command: string): string {
  if (command === "EHLO") return "250-test\r\n250 AUTH PLAIN";
  if (command === "AUTH") return "235 welcome";
  return command === "DATA" ? "354 go on" : command === "QUIT" ? "221 bye" : "250 ok";
}

function tryClose(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Its stream has closed it.
  }
}
