import { parseIp } from '../net/ip-address.js';

/** The addresses that a table in the form of /etc/hosts has for `name` (lower case), in its order. */
export function addressesInHosts(table: string, name: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return names.some((each) => each.toLowerCase() === name) && parseIp(address) !== undefined ? [address] : [];
  });
}
