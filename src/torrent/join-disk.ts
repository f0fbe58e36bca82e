/** Joins one torrent's storage with what saves its progress. */
import type { Random } from '../base/random.js';
import type { OpenStorage } from '../disk/storage.js';
import type { OpenTarget } from '../disk/target.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceLayout } from '../metainfo/piece-layout.js';
import type { RawServerContext } from '../net/raw-server.js';
import { GuardedStorage } from './guarded-storage.js';
import { type JoinedResume, joinResume } from './join-resume.js';
import type { TorrentOptions } from './torrent-options.js';
import type { WantedContent } from './wanted-content.js';

export interface DiskJoints {
  readonly context: RawServerContext;
  readonly random: Random;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly content: WantedContent;
  readonly openStorage: OpenStorage;
  readonly openTarget: OpenTarget;
  readonly options: TorrentOptions;
  readonly warned: (code: string, message: string) => void;
}

export function joinDisk(joints: DiskJoints): JoinedResume {
  const { context, metainfo, layout, content, options } = joints;
  const storage = joints.openStorage({
    metainfo,
    layout,
    dir: options.dir,
    output: options.outputName,
    partNames: options.partNames,
    overwrite: options.overwrite,
    selected: content.isAll ? null : content.files,
  });
  return joinResume({ ...joints, storage: new GuardedStorage(storage, context) });
}
