/**
 * A long way in a process of its own: `relay.js PORT MILLISECONDS` prints a port on 127.0.0.1 whose connections go on to
 * PORT, with every byte that much later in either direction. It limits no rate: what is under way is in its memory.
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
  // A broken connection is broken at once on both sides: nothing is measured any more.
  from.on('error', () => {
    from.destroy();
    to.destroy();
  });
}
