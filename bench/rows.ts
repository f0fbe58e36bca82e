import type { MakeRow } from './row.js';
import { greedyPeers, slowDisk } from './rows/back-pressure.js';
import { blocklist } from './rows/blocklist.js';
import { create, createManyFiles, createV2, createV2ManyFiles } from './rows/create.js';
import {
  download,
  downloadFromLibtorrent,
  downloadObfuscated,
  downloadOfVersion,
  downloadRc4,
  manyPeers,
  roundTrip,
  roundTripNoReqq,
  webSeed,
} from './rows/download.js';
import { eightLeeches } from './rows/eight-leeches.js';
import { idleConnections, idleEncrypted } from './rows/idle-connections.js';
import {
  fiftyThousandFiles,
  hundredThousandFiles,
  hundredThousandPieces,
  oneTebibyteV2,
} from './rows/large-torrents.js';
import { loopDelay } from './rows/loop-delay.js';
import { magnet } from './rows/magnet.js';
import { thousandTorrents } from './rows/many-torrents.js';
import { pickCost } from './rows/pick-cost.js';
import { reading } from './rows/reading.js';
import { journal, restart } from './rows/resume.js';
import { startup } from './rows/startup.js';
import { upload, uploadAhead, uploadRc4, uploadToLibtorrent } from './rows/upload.js';
import { verify, verifyManyFiles, verifyV2 } from './rows/verify.js';

/** Every row, in the order of running, by the name that `npm run bench -- ROW` takes. */
export const ROWS: Readonly<Record<string, MakeRow>> = {
  'download-256k': download('256K'),
  'download-1m': download('1M'),
  'download-4m': download('4M'),
  'download-v2': downloadOfVersion('2'),
  'download-hybrid': downloadOfVersion('hybrid'),
  'download-from-libtorrent': downloadFromLibtorrent,
  'download-rc4': downloadRc4,
  'download-obfuscated': downloadObfuscated,
  'many-peers': manyPeers,
  'upload-256k': upload('256K'),
  'upload-1m': upload('1M'),
  'upload-4m': upload('4M'),
  'upload-ahead': uploadAhead,
  'upload-to-libtorrent': uploadToLibtorrent,
  'upload-rc4': uploadRc4,
  'verify-256k': verify('256K'),
  'verify-1m': verify('1M'),
  'verify-4m': verify('4M'),
  'verify-many-files': verifyManyFiles,
  'verify-v2': verifyV2,
  'create-256k': create({ text: '256K', kibibytes: 256 }),
  'create-1m': create({ text: '1M', kibibytes: 1024 }),
  'create-4m': create({ text: '4M', kibibytes: 4096 }),
  'create-many-files': createManyFiles,
  'create-v2': createV2('2'),
  'create-hybrid': createV2('hybrid'),
  'create-v2-many-files': createV2ManyFiles('2'),
  'create-hybrid-many-files': createV2ManyFiles('hybrid'),
  'round-trip': roundTrip,
  'round-trip-no-reqq': roundTripNoReqq,
  'eight-leeches': eightLeeches,
  'web-seed': webSeed,
  reading,
  startup,
  magnet,
  'thousand-torrents': thousandTorrents,
  'idle-connections': idleConnections,
  'idle-encrypted': idleEncrypted,
  'hundred-thousand-pieces': hundredThousandPieces,
  'fifty-thousand-files': fiftyThousandFiles,
  'hundred-thousand-files-v2': hundredThousandFiles('2', 2, 256),
  'hundred-thousand-files-hybrid': hundredThousandFiles('hybrid', 4, 512),
  'one-tebibyte-v2': oneTebibyteV2,
  'pick-cost': pickCost,
  blocklist,
  journal,
  restart,
  'slow-disk': slowDisk,
  'greedy-peers': greedyPeers,
  'loop-delay': loopDelay,
};
