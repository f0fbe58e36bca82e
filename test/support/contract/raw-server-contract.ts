import { contextContract } from './contract-contexts.js';
import { dataContract } from './contract-data.js';
import { endingContract } from './contract-endings.js';
import { listenContract } from './contract-listening.js';
import { taskContract } from './contract-tasks.js';
import { type DialWay, type RawServerWorld, STRAIGHT } from './raw-server-world.js';

/** Tests every sentence of the RawServer contract, with the implementation of `createWorld`, that holds for `way`. */
export function rawServerContract(name: string, createWorld: () => RawServerWorld, way: DialWay = STRAIGHT): void {
  taskContract(name, createWorld);
  listenContract(name, createWorld, way);
  dataContract(name, createWorld);
  endingContract(name, createWorld, way);
  contextContract(name, createWorld, way);
}
