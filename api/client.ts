/**
 * Who asks: what a limit for each client goes by.
 *
 * @module
 */
import type { Context } from "hono";

/** The other end of a request's connection, as `Deno.serve` tells it. */
export interface Peer {
  remoteAddr: { hostname: string };
}

/**
 * The client's name among all: its token's, or the address that it has a connection from. What headers
 * say of an address is not heeded, since anybody can write them.
 */
export function clientOf(c: Context): string {
  return clientNameOf(c.get("tokenName") ?? null, c.env as Partial<Peer> | undefined);
}

/** The same, of the name of a token that is known, if any, and who it comes from. */
export function clientNameOf(tokenName: string | null, peer: Partial<Peer> | undefined): string {
  if (tokenName !== null) return `token ${tokenName}`;
  return `address ${networkOf(peer?.remoteAddr?.hostname ?? "")}`;
}

/**
 * The network that is one client's: an IPv4 address, or the first half of one of IPv6, of which every
 * household has all of the second.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { networkOf } from "./client.ts";
 * strictEqual(networkOf("::ffff:192.0.2.7"), "192.0.2.7");
 * strictEqual(networkOf("2001:db8::7"), "2001:db8:0:0");
 * ```
 */
export function networkOf(address: string): string {
  const ipv4 = /(?:^|:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address)?.[1];
  if (ipv4 !== undefined || !address.includes(":")) return ipv4 ?? address;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const groupsOf = (part: string) => part === "" ? [] : part.split(":");
  const [first, last] = [groupsOf(head), groupsOf(tail ?? "")];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array<string>(zeros).fill("0"), ...last].slice(0, 4).join(":");
}
