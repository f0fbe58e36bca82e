/**
 * Lean peers in a process of their own.
 *
 * `peer.js seed TORRENT FILE COUNT [silent]` runs COUNT seeds. It prints their ports, and a line when a leech asks for
 * content for the first time on a connection. A silent seed does not tell how many requests it queues.
 *
 * `peer.js leech TORRENT PORT [AHEAD]` downloads once, keeps nothing, and prints time and bytes as JSON. With AHEAD it
 * keeps so many requests in flight and asks for no block twice.
 */
import { readFileSync } from 'node:fs';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { DEFAULT_LEAN_LEECH_OPTIONS, leech } from './lean-leech.js';
import { startLeanSeed } from './lean-seed.js';
import { WireImage } from './wire-image.js';

const [role, torrentPath = '', ...rest] = process.argv.slice(2);
const torrent = parseMetainfo(readFileSync(torrentPath));
if (role === 'seed') {
  const [path = '', count = '1', silent] = rest;
  const image = new WireImage(torrent, path);
  const options = {
    info: torrent.info,
    asked: () => console.log('asked for content'),
    queued: silent === undefined ? 2000 : null,
  };
  const ports: number[] = [];
  for (let seed = 0; seed < Number(count); seed += 1)
    ports.push((await startLeanSeed(torrent, image, `-LEAN01-${seed}`, options)).port);
  console.log(`ports ${ports.join(',')}.`);
} else if (role === 'leech') {
  const stubborn = rest[1] === undefined ? {} : { window: Number(rest[1]), asksAgain: false };
  console.log(
    JSON.stringify(await leech(torrent, { ...DEFAULT_LEAN_LEECH_OPTIONS, port: Number(rest[0]), ...stubborn })),
  );
} else throw new Error(`seed or leech, not ${role}`);
