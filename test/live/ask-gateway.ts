/** Asks the gateway at argv[2] by NAT-PMP for port 6881 of our address argv[3]; removes it when stdin ends. */
import { NatPmp } from '../../src/discovery/port-mapping/nat-pmp.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../src/net/node-raw-server.js';

const PORT = 6881;
const [, , gateway = '', local = ''] = process.argv;
const rawServer = new NodeRawServer({
  ...DEFAULT_NODE_RAW_SERVER_OPTIONS,
  gotException: (error) => {
    throw error;
  },
});
const protocol = new NatPmp(rawServer, gateway, local);
protocol.map('tcp', PORT, 3600, (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`));
process.stdin.resume().on('end', () => {
  protocol.unmap('tcp', PORT, () => {
    protocol.close();
    rawServer.close();
  });
});
