/** A process that uses a disk in the given folder, does not close it, and then has nothing more to do. */
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS } from '../../../src/disk/files/file-disk.js';
import { realTimers } from '../real-timers.js';
import { sampleTorrent } from '../sample-torrent.js';
import { ask, slotOf } from './file-disk.js';

const dir = process.argv[2];
if (dir === undefined) throw new Error('a folder is wanted');
const torrent = sampleTorrent([{ path: 'film', length: 10 }], 1024);
const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: realTimers });
const { metainfo, layout } = torrent;
const storage = disk.openStorage({
  timers: null,
  metainfo,
  layout,
  dir,
  output: null,
  partNames: true,
  overwrite: false,
  selected: null,
});
const piece = torrent.piece(0);
await ask((answered) => storage.commitPiece(piece, slotOf(torrent.content), answered));
await ask((answered) => storage.checkPiece(piece, answered));
await ask((answered) => storage.readBlocks([{ piece, begin: 0, into: Buffer.alloc(10) }], answered));
await new Promise((resolve) =>
  disk.hashPieces([{ path: `${dir}/film.part`, length: 10 }], 1024, '1', () => undefined, resolve),
);
process.stdout.write('committed checked read hashed\n');
