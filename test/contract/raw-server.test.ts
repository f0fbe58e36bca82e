import { nodeWorld } from '../support/contract/node-world.js';
import { rawServerContract } from '../support/contract/raw-server-contract.js';
import { simulatedWorld } from '../support/simulation/simulated-world.js';

rawServerContract('simulated network', () => simulatedWorld((index) => `10.0.0.${index + 1}`));
rawServerContract('loop over TCP and IPv4', () => nodeWorld(() => ({ host: '127.0.0.1', port: 0 })));
