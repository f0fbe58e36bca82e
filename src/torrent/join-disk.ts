/**
 * Joins the classes that keep one torrent on the disk: the storage, the journal of everything that is written to it,
 * and the lock that keeps other processes off.
 */
import { markedTarget } from '../disk/names.js';
import type { Storage } from '../disk/storage.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceLayout } from '../metainfo/piece-layout.js';
import type { RawServerContext } from '../net/raw-server.js';
import { JOURNAL_MAGIC } from '../resume/journal-format.js';
import { DEFAULT_JOURNAL_KEEPER_OPTIONS, JournalKeeper } from '../resume/journal-keeper.js';
import { JournaledStorage } from '../resume/journaled-storage.js';
import { OwnJournal } from '../resume/own-journal.js';
import { Resume } from '../resume/resume.js';
import { TargetHold } from '../resume/target-hold.js';
import type { WantedContent } from './content/wanted-content.js';
import type { ContentClaim } from './content-claims.js';
import type { TorrentOptions } from './torrent-options.js';
import type { TorrentParts } from './torrent-parts.js';

export interface JoinedDisk {
  readonly storage: Storage;
  readonly resume: Resume;
  readonly claim: ContentClaim;
}

export interface DiskParts {
  readonly parts: Pick<TorrentParts, 'random' | 'openStorage' | 'openTarget' | 'claims' | 'takenJournals'>;
  readonly context: RawServerContext;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly content: WantedContent;
  readonly options: TorrentOptions;
  readonly warned: (code: string, message: string) => void;
}

/** Joins what one torrent has on the disk: its files, its journal and its claim. */
export function joinDisk({ parts, context, metainfo, layout, content, options, warned }: DiskParts): JoinedDisk {
  const { dir, outputName, partNames, overwrite } = options;
  const selected = content.isAll ? null : content.files;
  const where = { dir, output: outputName, partNames, overwrite, selected };
  const files = parts.openStorage({ timers: context, metainfo, layout, ...where });
  const name = outputName ?? metainfo.files[0]?.path[0] ?? metainfo.name;
  const head = JOURNAL_MAGIC;
  const { journal: plain, lock } = parts.openTarget({ dir, name, head });
  const marked = parts.openTarget({ dir, name: markedTarget(name, metainfo.infoHash), head }).journal;
  const journal = new OwnJournal(plain, marked, metainfo.infoHash, parts.takenJournals);
  const claim = parts.claims.claim(metainfo, options);
  const owner = {
    infoHash: metainfo.infoHash,
    pieceCount: metainfo.pieceCount,
    fileCount: metainfo.files.length,
  };
  const { random } = parts;
  const keeper = new JournalKeeper(
    { timers: context, random, layout, owner, storage: files, file: journal, claimsFiles: true, warned },
    DEFAULT_JOURNAL_KEEPER_OPTIONS,
  );
  const resume = new Resume({
    timers: context,
    random,
    metainfo,
    layout,
    owner,
    file: journal,
    claim,
    keeper,
    hold: new TargetHold(context, lock, warned),
    mayWrite: options.mode === 'download',
    isWanted: (file) => content.files.has(file),
    partNames: options.partNames,
    trustsJournal: !options.check,
    seeds: options.seedGoal !== null,
    warned,
  });
  return { storage: new JournaledStorage(files, layout, resume), resume, claim };
}
