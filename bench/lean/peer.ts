/**
 * A lean peer as a process of its own: `peer.js seed TORRENT FILE COUNT` is COUNT seeds, prints their ports and, for
 * each connection, when content is asked for first,
 * `peer.js leech TORRENT PORT` downloads once, throws it away, and prints what it took as JSON.
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
