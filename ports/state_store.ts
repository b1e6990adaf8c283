/**
 * Small texts that must survive a restart: what is left of a source's budget, say.
 *
 * @module
 */

/** The port. Names are up to 80 bytes of any text; texts up to some kB. */
export interface StateStore {
  /** The text last written under `name`; `null` where there is none. */
  read(name: string): Promise<string | null>;
  /** Replaces the text under `name`, whole or not at all; durable when it resolves. One write of a name at a time. */
  write(name: string, text: string): Promise<void>;
}
