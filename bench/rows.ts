import type { MakeRow } from './row.js';
import { download, downloadFromLibtorrent, manyPeers, roundTrip } from './rows/download.js';
import { eightLeeches } from './rows/eight-leeches.js';
import { upload, uploadToLibtorrent } from './rows/upload.js';

/** Every row by the name that `npm run bench -- ROW` takes, in the order in which they run. */
export const ROWS: Readonly<Record<string, MakeRow>> = {
  'download-256k': download('256K'),
  'download-1m': download('1M'),
  'download-4m': download('4M'),
  'download-from-libtorrent': downloadFromLibtorrent,
  'many-peers': manyPeers,
  'upload-256k': upload('256K'),
  'upload-1m': upload('1M'),
  'upload-4m': upload('4M'),
  'upload-to-libtorrent': uploadToLibtorrent,
  'round-trip': roundTrip,
  'eight-leeches': eightLeeches,
};
