/**
 * What Deno's permission flags can name.
 *
 * @module
 */

/** An address as settings and flags name it. */
export type HostPort = `${string}:${number}`;

/** A host name or an IP address, IPv6 in brackets. */
export const HOST_NAME = /^(?:[A-Za-z0-9][A-Za-z0-9_.-]{0,252}|\[[0-9A-Fa-f:.]+\])$/;

/** Whether a text is a host with a port. */
export function isHostPort(value: string): value is HostPort {
  const cut = value.lastIndexOf(":");
  const port = value.slice(cut + 1);
  return HOST_NAME.test(value.slice(0, cut)) && /^\d{1,5}$/.test(port) && Number(port) > 0 &&
    Number(port) < 65_536;
}

/** Whether flags can name a path: they part paths at commas and know no way around it. */
export function isPermittablePath(path: string): boolean {
  return !/[,\p{Cc}]/u.test(path);
}
