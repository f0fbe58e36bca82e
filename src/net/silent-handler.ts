import type { SocketHandler } from './raw-server.js';

/** Stands where a handler is about to be chosen, or where nobody cares. */
export const SILENT_HANDLER: SocketHandler = {
  connectionMade: () => undefined,
  dataCameIn: () => undefined,
  connectionFlushed: () => undefined,
  connectionLost: () => undefined,
};
