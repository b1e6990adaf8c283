/**
 * What the members' logs tell of a run: how often they claimed and published, and whether they said
 * anything that an operator should not have to read.
 *
 * @module
 */

/** Totals over all members. */
export interface LogCounts {
  claimCount: number;
  checkpointCount: number;
  /** Lines that must not be there: errors, stack traces, and what is no line of a log. */
  problems: readonly string[];
}

/** A stack trace in a line of JSON. */
const STACK = /"stack"|\\n\s+at /;
/** Of one member so many at most are told. */
const PROBLEM_COUNT_MAX = 5;

/** Reads logs; one that is not there is empty. */
export async function countLogs(paths: readonly string[]): Promise<LogCounts> {
  let claimCount = 0;
  let checkpointCount = 0;
  const problems: string[] = [];
  for (const path of paths) {
    const text = await Deno.readTextFile(path).catch(() => "");
    const wrong: string[] = [];
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const entry = parse(line);
      if (entry === null) wrong.push(line);
      else if (/^(ERROR|FATAL)$/.test(entry.level)) wrong.push(entry.message);
      else if (STACK.test(line)) wrong.push(line);
      else if (/^(Counting|Watching) partition/.test(entry.message)) claimCount++;
      else if (entry.message.includes(": published ")) checkpointCount++;
    }
    const name = path.split("/").at(-1);
    problems.push(...wrong.slice(0, PROBLEM_COUNT_MAX).map((line) => `${name}: ${line}`));
  }
  return { claimCount, checkpointCount, problems };
}

function parse(line: string): { level: string; message: string } | null {
  try {
    const { level, message } = JSON.parse(line);
    return { level: String(level), message: String(message) };
  } catch {
    // A process that was killed may have left half a line.
    return line.startsWith('{"') ? { level: "", message: "" } : null;
  }
}
