/**
 * What happens in a run, as each output hears it. `--json` prints all events but those whose comment says that they are
 * for people.
 */
import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { BlocklistStatus } from '../../net/blocklist.js';
import type { TorrentStatus } from '../../torrent/status.js';

/** The torrent that an event is about. */
export interface Subject {
  readonly name: string;
  /** The main one, 40 digits; until the metadata of a link is here, that of the link. */
  readonly infoHash: string;
}

export interface StallReason {
  readonly code:
    | 'disk-paused'
    | 'proxy'
    | 'limited'
    | 'encryption'
    | 'peers-unreachable'
    | 'no-trackers'
    | 'trackers-silent'
    | 'trackers-failing'
    | 'no-peers'
    | 'web-seeds-failing'
    | 'no-metadata'
    | 'no-layers'
    | 'private'
    | 'dht-off'
    | 'dht-unreached'
    | 'dht-no-peers'
    | 'peers-lack-pieces'
    | 'choked'
    | 'no-seeds'
    | 'nothing-sent';
  /** What holds, in one sentence. */
  readonly message: string;
  /** What the user can do about it, or null. */
  readonly hint: string | null;
}

export interface SourceResult {
  readonly name: string;
  /** `ok`, or the failure's code. */
  readonly result: string;
  /** Why it failed, and what the user can do next; null when it is ok. */
  readonly message: string | null;
  /** Verified bytes. */
  readonly have: number;
  /** Bytes that the user wants. */
  readonly wanted: number;
  /** It is ok, but it was a seed that has only a part of what others may want of it. */
  readonly isPart: boolean;
  /** How many files a seed lacks that has only a part. */
  readonly missing: number;
  /** Where the content is. Null when the source never became a torrent. */
  readonly path: string | null;
  /** Bytes. */
  readonly downloaded: number;
  /** Bytes. */
  readonly uploaded: number;
  /** From the start until it was done or had ended. */
  readonly seconds: number;
}

export type RunEvent =
  | {
      readonly type: 'added';
      readonly about: Subject;
      /** 64 digits; null when the torrent is of version 1 alone. */
      readonly infoHashV2: string | null;
      readonly length: number;
      readonly wanted: number;
      readonly have: number;
      readonly files: number;
      readonly pieces: number;
      readonly dir: string;
    }
  | { readonly type: 'checking'; readonly about: Subject; readonly checked: number; readonly length: number }
  | { readonly type: 'progress'; readonly about: Subject; readonly status: TorrentStatus }
  | { readonly type: 'file'; readonly about: Subject; readonly path: string; readonly length: number }
  | {
      readonly type: 'reused';
      readonly about: Subject;
      readonly path: string;
      readonly from: string;
      readonly length: number;
    }
  | { readonly type: 'tracker'; readonly about: Subject; readonly report: TrackerAnswer }
  | { readonly type: 'stalled'; readonly about: Subject; readonly reasons: readonly StallReason[] }
  | {
      readonly type: 'warning' | 'error';
      /** Null when it is about the whole run, or about a source that is no torrent. */
      readonly about: Subject | null;
      /** The source as the user gave it, or null when it is about none. */
      readonly input: string | null;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly type: 'done';
      readonly about: Subject;
      readonly paths: readonly string[];
      readonly length: number;
      readonly seconds: number;
      readonly downloaded: number;
      readonly uploaded: number;
      readonly wasted: number;
    }
  /** We listen at this address. `host` is null when we listen at every one. */
  | {
      readonly type: 'listening';
      readonly host: string | null;
      readonly port: number;
      /** True when the run downloads nothing. A user who seeds wants to know where peers find us. */
      readonly onlySeeds: boolean;
    }
  /** The gateway of a family lets peers in at our port, or refuses. */
  | { readonly type: 'port-mapping'; readonly mapping: PortMapping & { readonly state: 'mapped' | 'failed' } }
  /** The blocklist was read, was read again, or has refused something since the last such event. */
  | {
      readonly type: 'blocklist';
      readonly news: 'read' | 'read-again' | 'counted';
      readonly status: BlocklistStatus;
    }
  /** The torrent serves what it has. */
  | {
      readonly type: 'seeding';
      readonly about: Subject;
      readonly have: number;
      readonly wanted: number;
      readonly superSeeding: boolean;
      /** The files that the torrent lacks, as paths below its top folder: all of them in number, a few by name. */
      readonly missing: { readonly count: number; readonly first: readonly string[] };
    }
  /** For people: no more progress comes of this torrent under this info-hash. */
  | { readonly type: 'over'; readonly about: Subject }
  /** For people: a sentence. */
  | { readonly type: 'note'; readonly message: string }
  /** For people who want to know more: a sentence. */
  | { readonly type: 'detail'; readonly message: string }
  | { readonly type: 'summary'; readonly exitCode: number; readonly torrents: readonly SourceResult[] };

/** One way to show a run. */
export interface Output {
  tell(event: RunEvent): void;
  /** Restores the terminal and cancels the timers. Called at each end of a run; a second call does nothing. */
  close(): void;
}
