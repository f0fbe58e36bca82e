import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { systemFileOperations } from '../../../src/disk/system/operations.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { encodeHead, encodeRecords, lastSeal } from '../../../src/resume/journal-format.js';

/**
 * A journal with right checks and a clean end. It says that the files in `dir`, as they are now, hold the whole
 * torrent. Of each file it has the date that its owner gave its bytes.
 */
export function forgedJournal({ infoHash, files, pieceLength }: Metainfo, dir: string): Buffer {
  const pieceCount = Math.ceil(files.reduce((sum, { length }) => sum + length, 0) / pieceLength);
  const identities = files.flatMap(({ path }, index) => {
    const file = join(dir, ...path);
    const found = [file, `${file}.part`].find((path) => systemFileOperations.identify(path) !== undefined);
    const identity = found === undefined ? undefined : systemFileOperations.identify(found);
    if (found === undefined || identity === undefined) return [];
    return [[index, { ...identity, changedAt: lstatSync(found, { bigint: true }).mtimeNs }] as const];
  });
  const head = encodeHead({ infoHash, pieceCount, fileCount: files.length }, Buffer.alloc(8, 3));
  const records = encodeRecords(lastSeal(head), [
    { kind: 'files', files: new Map(identities) },
    { kind: 'pieces', runs: [{ first: 0, end: pieceCount }] },
    { kind: 'end' },
  ]);
  return Buffer.concat([head, records]);
}
