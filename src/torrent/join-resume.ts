/** Joins what saves one torrent's progress: the journal, the lock, and the storage whose writes are written down. */
import type { Random } from '../base/random.js';
import type { Storage } from '../disk/storage.js';
import type { OpenTarget } from '../disk/target.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceLayout } from '../metainfo/piece-layout.js';
import type { RawServerContext } from '../net/raw-server.js';
import { DEFAULT_JOURNAL_KEEPER_OPTIONS, JournalKeeper } from '../resume/journal-keeper.js';
import { JournaledStorage } from '../resume/journaled-storage.js';
import { Resume } from '../resume/resume.js';
import { TargetHold } from '../resume/target-hold.js';
import type { TorrentOptions } from './torrent-options.js';

export interface ResumeJoints {
  readonly context: RawServerContext;
  readonly random: Random;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly storage: Storage;
  readonly openTarget: OpenTarget;
  readonly options: TorrentOptions;
  readonly warned: (code: string, message: string) => void;
}

export interface JoinedResume {
  readonly resume: Resume;
  /** `ResumeJoints.storage`, with everything that goes to it written down. */
  readonly storage: Storage;
}

export function joinResume(joints: ResumeJoints): JoinedResume {
  const { context, random, metainfo, layout, storage, options, warned } = joints;
  const name = options.outputName ?? metainfo.files[0]?.path[0] ?? metainfo.name;
  const { journal, lock } = joints.openTarget({ dir: options.dir, name });
  const owner = {
    infoHash: metainfo.infoHash,
    pieceCount: metainfo.pieceCount,
    fileCount: metainfo.files.length,
  };
  const keeper = new JournalKeeper(
    { timers: context, random, layout, owner, storage, file: journal, warned },
    DEFAULT_JOURNAL_KEEPER_OPTIONS,
  );
  const resume = new Resume({
    timers: context,
    random,
    metainfo,
    layout,
    owner,
    file: journal,
    keeper,
    hold: new TargetHold(context, lock, warned),
    mayWrite: options.mode === 'download',
    partNames: options.partNames,
    trustsJournal: !options.check,
    seeds: options.seedGoal !== null,
    warned,
  });
  return { resume, storage: new JournaledStorage(storage, layout, resume) };
}
