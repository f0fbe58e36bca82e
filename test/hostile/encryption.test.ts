/** Encrypted handshakes that never end, over a seed: an honest peer stands beside them. */
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nextHost, Program } from '../live/support.js';
import { withstands } from './attacked-transfer.js';

const DIALLERS = fileURLToPath(new URL('./half-open-mse.js', import.meta.url));
const TIMEOUT = 180_000;
const HOSTS = Array.from({ length: 30 }, nextHost);
const DIALS = 10_000;

for (const [kind, what] of [
  ['mixed', 'that stop or lie at every place in turn'],
  ['keys', 'that stop behind the public key'],
] as const) {
  const name = `10,000 encrypted handshakes ${what}, from ${HOSTS.length} hosts over a seed`;
  test(name, { timeout: TIMEOUT }, async (t) => {
    await withstands(t, name, 'seed', {
      dht: false,
      begin: async ({ host, port, infoHash }) => {
        const args = [DIALLERS, kind, `${DIALS}`, infoHash, host, port, ...HOSTS];
        const dialling = new Program(t, process.execPath, args);
        await dialling.until((output) => /dialling/.exec(output));
        return dialling;
      },
    });
  });
}
