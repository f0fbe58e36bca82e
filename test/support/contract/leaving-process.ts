/** A test starts this as a process of its own. It does what its argument says, and must end by itself. */
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../../src/net/node-raw-server.js';
import type { StreamAddress } from '../../../src/net/raw-server.js';
import { LoggingHandler } from '../fakes/logging-handler.js';

const log: string[] = [];
const server = new NodeRawServer({
  ...DEFAULT_NODE_RAW_SERVER_OPTIONS,
  gotException: (error) => {
    throw error;
  },
});

/** Listens, dials itself, and calls `connected` when both ends are there. A task stays in the queue for an hour. */
function connectToItself(connected: (dialled: LoggingHandler) => void): void {
  server.addTask(() => undefined, 3_600_000);
  const accepted = new LoggingHandler('accepted', log);
  const dialled = new LoggingHandler('dialled', log);
  const lookAgain = (): void => {
    if (accepted.sockets.length + dialled.sockets.length === 2) connected(dialled);
    else server.addTask(lookAgain, 1);
  };
  server.listen({ host: '127.0.0.1', port: 0 }, accepted, (outcome) => {
    if (!outcome.ok) throw new Error(outcome.code);
    const address: StreamAddress = outcome.listener.address;
    server.startConnection(address, dialled).write([Buffer.from('x')]);
    lookAgain();
  });
}

const scenarios: Record<string, () => void> = {
  unused: () => undefined,
  tasks: () => {
    server.addTask(() => console.log('ran'), 20);
    server.addTask(() => undefined, 3_600_000).cancel();
  },
  closed: () => connectToItself(() => server.close()),
  stopped: () => {
    server.listenForever(() => console.log('ended'));
    connectToItself(() => server.stop());
  },
  sockets: () => {
    // We close only the listener. The sockets end, and the scan for idle ones ends with them.
    const accepted = new LoggingHandler('accepted', log);
    accepted.onData = (socket) => socket.close();
    server.listen({ host: '127.0.0.1', port: 0 }, accepted, (outcome) => {
      if (!outcome.ok) throw new Error(outcome.code);
      const { listener } = outcome;
      const dialled = new LoggingHandler('dialled', log);
      dialled.connectionLost = () => listener.close();
      server.startConnection(listener.address, dialled).write([Buffer.from('x')]);
    });
  },
  holding: () => {
    server.listenForever(() => console.log('ended'));
    process.on('SIGTERM', () => server.stop());
    console.log('holding');
  },
};

scenarios[process.argv[2] ?? '']?.();
