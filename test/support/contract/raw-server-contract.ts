import { contextContract } from './contract-contexts.js';
import { dataContract } from './contract-data.js';
import { endingContract } from './contract-endings.js';
import { listenContract } from './contract-listening.js';
import { taskContract } from './contract-tasks.js';
import type { RawServerWorld } from './raw-server-world.js';

/** Tests every sentence of the RawServer contract, with the implementation of `createWorld`. */
export function rawServerContract(name: string, createWorld: () => RawServerWorld): void {
  taskContract(name, createWorld);
  listenContract(name, createWorld);
  dataContract(name, createWorld);
  endingContract(name, createWorld);
  contextContract(name, createWorld);
}
