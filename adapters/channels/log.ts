/**
 * Digests to the program's own log: the channel of `deno task dev`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { renderDigest } from "../../notifier/templates.ts";
import type { Channel, Delivery, Digest } from "../../ports/channel.ts";

/** Writes one line a digest. */
export class LogChannel implements Channel {
  readonly #logger = getLogger(["data-tracker", "channel"]);

  constructor(readonly name: string) {}

  send(digest: Digest): Promise<Delivery> {
    const { subject, sms } = renderDigest(digest);
    const { id: digestId, firingCount, resolvedCount, isRepeat } = digest;
    const isOne = firingCount + resolvedCount === 1;
    this.#logger.warn("{text}", {
      ...{ text: isOne ? subject : sms, channel: this.name },
      ...{ digestId, firingCount, resolvedCount, isRepeat },
    });
    return Promise.resolve({ outcome: "sent", to: "the log" });
  }
}
