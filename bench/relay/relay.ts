/**
 * A slow line in a process of its own: `relay.js PORT MILLISECONDS [RATE]` prints a port on 127.0.0.1. It forwards
 * connections to PORT and delays each byte by MILLISECONDS in either direction. Without RATE it limits no rate: it
 * keeps bytes that wait in memory. With RATE each direction of a connection carries so many bytes a second, and the
 * relay reads no more while much waits.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { DelayLine, type DelayTimers } from './delay-line.js';

const TIMERS: DelayTimers = { now: () => performance.now(), after: (delay, task) => void setTimeout(task, delay) };

/** With a rate, reading pauses while bytes wait that take longer than this. Milliseconds. */
const MOST_WAIT = 50;

const [target, delay, rate] = process.argv.slice(2).map(Number);
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
  /** When the line has carried all that came so far. */
  let free = 0;
  from.on('data', (chunk) => {
    if (rate === undefined) {
      line.push(chunk);
      return;
    }
    const now = TIMERS.now();
    free = Math.max(now, free) + (1000 * chunk.length) / rate;
    line.push(chunk, free - now);
    if (free - now <= MOST_WAIT) return;
    from.pause();
    TIMERS.after(free - now - MOST_WAIT / 2, () => from.resume());
  });
  from.on('end', () => line.push(null));
  // When one side breaks, the other side breaks at once: the run has failed.
  from.on('error', () => {
    from.destroy();
    to.destroy();
  });
}
