/**
 * A slow line in a process of its own: `relay.js PORT MILLISECONDS` prints a port on 127.0.0.1. It forwards connections
 * to PORT and delays each byte by MILLISECONDS in either direction. It limits no rate: it keeps bytes that wait in
 * memory.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { DelayLine, type DelayTimers } from './delay-line.js';

const TIMERS: DelayTimers = { now: () => performance.now(), after: (delay, task) => void setTimeout(task, delay) };

const [target, delay] = process.argv.slice(2).map(Number);
const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port: target ?? 0, noDelay: true, allowHalfOpen: true });
  forward(near, far);
  forward(far, near);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log(`listening on ${(server.address() as AddressInfo).port}.`);

function forward(from: Socket, to: Socket): void {
  const line = new DelayLine<Buffer | null>(delay ?? 0, TIMERS, (chunk) => {
    if (chunk === null) to.end();
    else to.write(chunk);
  });
  from.on('data', (chunk) => line.push(chunk));
  from.on('end', () => line.push(null));
  // When one side breaks, the other side breaks at once: the run has failed.
  from.on('error', () => {
    from.destroy();
    to.destroy();
  });
}
