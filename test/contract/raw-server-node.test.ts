import { networkInterfaces } from 'node:os';
import { nodeWorld, unixWorld } from '../support/contract/node-world.js';
import { rawServerContract } from '../support/contract/raw-server-contract.js';

rawServerContract('loop over Unix sockets', unixWorld);

const hasIpv6 = Object.values(networkInterfaces()).some((entries) => entries?.some(({ address }) => address === '::1'));
if (hasIpv6) rawServerContract('loop over TCP and IPv6', () => nodeWorld(() => ({ host: '::1', port: 0 })));
