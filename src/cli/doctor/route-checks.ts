/** Checks which ways lead out of this machine. It sends no packet: it asks the kernel where a packet would leave. */
import { createSocket } from 'node:dgram';
import type { BindAddresses } from '../../net/fence.js';
import { isLoopback, isPrivate, parseIp } from '../../net/ip-address.js';
import { type Finding, failed, fine, skipped, warning } from './finding.js';

/** Addresses that are reserved for examples: routers treat them like other public addresses, and no host has them. */
const EXAMPLE_ADDRESSES = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;

/** The local address from which a packet to the Internet would leave; null when no way leads there. */
export type FindSource = (family: 4 | 6) => Promise<string | null>;

/** One finding for each family. It is enough when one family works. */
export async function checkRoutes(bind: BindAddresses | null, findSource: FindSource = askKernel): Promise<Finding[]> {
  if (bind !== null) return [describeFence(4, bind.ipv4), describeFence(6, bind.ipv6)];
  const [ipv4, ipv6] = await Promise.all([findSource(4), findSource(6)]);
  return [describe(4, ipv4, ipv6), describe(6, ipv6, ipv4)];
}

function describe(family: 4 | 6, source: string | null, other: string | null): Finding {
  const check = family === 4 ? 'ipv4' : 'ipv6';
  if (source !== null) {
    const ip = parseIp(source);
    const kind = ip !== undefined && isPrivate(ip) ? ', an address that a router translates' : '';
    return fine(check, `IPv${family} leaves from ${source}${kind}`);
  }
  const message = `no way out over IPv${family}`;
  return other === null
    ? failed(check, message, 'this machine has no default route')
    : warning(check, message, `peers and trackers that have only IPv${family} cannot be reached`);
}

function describeFence(family: 4 | 6, address: string | undefined): Finding {
  const check = family === 4 ? 'ipv4' : 'ipv6';
  if (address === undefined) return skipped(check, `--bind leaves IPv${family} out`);
  const ip = parseIp(address);
  if (ip !== undefined && isLoopback(ip))
    return fine(check, `IPv${family} is bound to ${address}: nothing leaves this machine`);
  return fine(check, `IPv${family} is bound to ${address}`);
}

const askKernel: FindSource = (family) =>
  new Promise((resolve) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    const end = (source: string | null): void => {
      socket.close();
      resolve(source);
    };
    socket.once('error', () => end(null));
    // The callback also gets a failure, although the types do not say so.
    socket.connect(9, EXAMPLE_ADDRESSES[family], (failure?: Error) => {
      end(failure == null ? socket.address().address : null);
    });
  });
