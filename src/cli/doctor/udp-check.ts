/** Whether a UDP socket can be opened, and hears itself. */
import type { DatagramSocket } from '../../net/datagram.js';
import type { BindAddresses } from '../../net/fence.js';
import type { RawServer } from '../../net/raw-server.js';
import { type Finding, failed, fine } from './finding.js';

const ECHO_LIMIT = 2000;
const GREETING = Buffer.from('btget doctor');

export function checkUdp(rawServer: RawServer, bind: BindAddresses | null): Promise<Finding> {
  const family = bind === null || bind.ipv4 !== undefined ? 4 : 6;
  // Behind a fence the socket is bound to the one address that it may use, which is also the one that it reaches itself
  // by.
  const host = (family === 4 ? bind?.ipv4 : bind?.ipv6) ?? '127.0.0.1';
  return new Promise((resolve) => {
    let socket: DatagramSocket | undefined;
    const end = (finding: Finding): void => {
      limit.cancel();
      socket?.close();
      resolve(finding);
    };
    const limit = rawServer.addTask(
      () =>
        end(
          failed('udp', 'a UDP socket does not hear what it sends to itself', 'look at the firewall of this machine'),
        ),
      ECHO_LIMIT,
    );
    const handler = {
      datagramCameIn: (_socket: DatagramSocket, data: Buffer) => {
        if (data.equals(GREETING)) end(fine('udp', `UDP over IPv${family} works on this machine`));
      },
      sendFailed: () => end(failed('udp', 'a UDP socket cannot send', 'look at the firewall of this machine')),
    };
    rawServer.openDatagram({ family, port: 0 }, handler, (outcome) => {
      if (outcome.ok) {
        socket = outcome.socket;
        socket.send(Buffer.from(GREETING), { host, port: socket.local.port });
      } else end(failed('udp', `no UDP socket can be opened: ${String(outcome.cause ?? outcome.code)}`, null));
    });
  });
}
