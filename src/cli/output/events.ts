/** What happens in a run, as every output hears it. The types up to `summary` are those of `--json`. */
import type { PortMapping } from '../../discovery/port-mapping/port-mapper.js';
import type { TrackerAnswer } from '../../discovery/trackers/rerequester.js';
import type { TorrentStatus } from '../../torrent/status.js';

/** Which torrent an event is about. */
export interface Subject {
  readonly name: string;
  /** Hexadecimal. */
  readonly infoHash: string;
}

export interface StallReason {
  readonly code:
    | 'disk-paused'
    | 'limited'
    | 'peers-unreachable'
    | 'no-trackers'
    | 'trackers-silent'
    | 'trackers-failing'
    | 'no-peers'
    | 'no-metadata'
    | 'private'
    | 'dht-off'
    | 'dht-unreached'
    | 'dht-no-peers'
    | 'peers-lack-pieces'
    | 'choked'
    | 'no-seeds'
    | 'nothing-sent';
  readonly message: string;
}

export interface SourceResult {
  readonly name: string;
  /** `ok`, or the failure's code. */
  readonly result: string;
  /** Why not, and what to do next; null when it is ok. */
  readonly message: string | null;
  readonly have: number;
  readonly wanted: number;
  /** Where the content is. Null when the source never became a torrent. */
  readonly path: string | null;
  /** Bytes fetched, and seconds it took to be done or to end. */
  readonly downloaded: number;
  readonly uploaded: number;
  readonly seconds: number;
}

export type RunEvent =
  | {
      readonly type: 'added';
      readonly about: Subject;
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
  | { readonly type: 'tracker'; readonly about: Subject; readonly report: TrackerAnswer }
  | { readonly type: 'stalled'; readonly about: Subject; readonly reasons: readonly StallReason[] }
  | {
      readonly type: 'warning' | 'error';
      /** Null: about the run, or a source that is no torrent. */
      readonly about: Subject | null;
      /** The source as it was given, or null when it is about none. */
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
  /** We listen there. `host` is null when it is every address. */
  | {
      readonly type: 'listening';
      readonly host: string | null;
      readonly port: number;
      /** Nothing is fetched: whoever serves wants to know where. */
      readonly onlySeeds: boolean;
    }
  /** The gateway of a family lets our port in, or does not. */
  | { readonly type: 'port-mapping'; readonly mapping: PortMapping & { readonly state: 'mapped' | 'failed' } }
  /** For people: the torrent serves what it has. */
  | { readonly type: 'seeding'; readonly about: Subject; readonly have: number; readonly wanted: number }
  /** For people: no more progress comes of it. */
  | { readonly type: 'over'; readonly about: Subject }
  /** For people: a sentence. */
  | { readonly type: 'note'; readonly message: string }
  /** For people who want to know more: a sentence. */
  | { readonly type: 'detail'; readonly message: string }
  | { readonly type: 'summary'; readonly exitCode: number; readonly torrents: readonly SourceResult[] };

/** One way in which a run is shown. */
export interface Output {
  tell(event: RunEvent): void;
  /** Gives the terminal back and cancels its timers. Called on every way out; harmless when called again. */
  close(): void;
}
