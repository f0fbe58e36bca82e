import { networkInterfaces } from 'node:os';
import { isUnspecified, parseIp } from './ip-address.js';

/**
 * The interface of this machine that has the address `host`, as Node's multicast calls name it: for IPv4 the address, for
 * IPv6 a zone. Undefined when `host` stands for every address. Throws when no interface has it.
 */
export function multicastInterface(host: string): string | undefined {
  const wanted = parseIp(host);
  if (wanted === undefined || isUnspecified(wanted)) return undefined;
  if (wanted.family === 4) return wanted.text;
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (parseIp(entry.address)?.text !== wanted.text || entry.family !== 'IPv6') continue;
      return `::%${process.platform === 'win32' ? entry.scopeid : name}`;
    }
  }
  throw new Error(`no interface has the address ${host}`);
}
