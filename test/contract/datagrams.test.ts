import { networkInterfaces } from 'node:os';
import { type DatagramWorld, datagramContract } from '../support/contract/contract-datagrams.js';
import { nodeWorld } from '../support/contract/node-world.js';
import { simulatedWorld } from '../support/simulation/simulated-world.js';

function overLoopback(family: 4 | 6, host: string): DatagramWorld {
  return { ...nodeWorld(() => ({ host, port: 0 })), family, hostOf: () => host };
}

datagramContract('simulated network over IPv4', 4, () => ({
  ...simulatedWorld((index) => `10.0.0.${index + 1}`),
  family: 4,
  hostOf: (index) => `10.0.0.${index + 1}`,
}));
datagramContract('simulated network over IPv6', 6, () => ({
  ...simulatedWorld((index) => `fd00::${index + 1}`),
  family: 6,
  hostOf: (index) => `fd00::${index + 1}`,
}));
datagramContract('loop over IPv4', 4, () => overLoopback(4, '127.0.0.1'));

const hasIpv6 = Object.values(networkInterfaces()).some((entries) => entries?.some(({ address }) => address === '::1'));
if (hasIpv6) datagramContract('loop over IPv6', 6, () => overLoopback(6, '::1'));
