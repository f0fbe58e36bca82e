/**
 * Which torrent of the process may write which paths. What must not be shared is a file: torrents of one top folder
 * work at once while no path of one is a path of another, and take turns where one is.
 */
import type { Metainfo } from '../metainfo/metainfo.js';
import { foldName } from '../metainfo/path-policy.js';
import { filePath, type TorrentOptions } from './torrent-options.js';

/** Why a torrent waits: `path` is one that both have, `name` the torrent that has it now. */
export interface ClaimHolder {
  readonly name: string;
  readonly path: string;
}

// A file grows under a part name, which another torrent may give to a file of its own. Names that differ in no more
// than that count as one, and so do names that differ in case: at worst two torrents take turns that need not.
const PART_NAME = /(?:\.\d+)?\.part$/i;
// The same of what lies beside the download.
const BESIDE = /(?:\.[0-9a-f]{8})?\.btget(?:\.lock)?(?:\..*)?$/i;

function keyOf(path: string): string {
  if (!/\.part/i.test(path)) return foldName(path);
  return path.split('/').map(withoutPartName).map(foldName).join('/');
}

function withoutPartName(element: string): string {
  let rest = element;
  while (PART_NAME.test(rest)) rest = rest.replace(PART_NAME, '');
  return rest;
}

/**
 * The claims of all torrents of a process. A claim is for all paths of a torrent at once, so that nobody waits for who
 * waits for him. Of those that wait, whoever came first is asked first.
 */
export class ContentClaims {
  #claims: ContentClaim[] = [];

  /** Whether it is granted is said by its `begin`. */
  claim(metainfo: Metainfo, options: TorrentOptions): ContentClaim {
    return new ContentClaim(this, metainfo, options);
  }

  /** @internal */
  holderAgainst(claim: ContentClaim): ClaimHolder | null {
    for (const other of this.#claims) {
      if (other === claim || other.state !== 'held') continue;
      const path = claim.pathSharedWith(other);
      if (path !== null) return { name: other.name, path };
    }
    return null;
  }

  /** @internal */
  added(claim: ContentClaim): void {
    this.#claims.push(claim);
  }

  /** @internal Some claim keeps nobody off any more. */
  released(): void {
    for (const claim of this.#claims) if (claim.state === 'waiting') claim.tryAgain();
  }

  /** @internal */
  forget(claim: ContentClaim): void {
    const at = this.#claims.indexOf(claim);
    if (at !== -1) this.#claims.splice(at, 1);
  }

  /** @internal `claim` is done: what the same torrent has done there before is its own anyway. */
  keepOnly(claim: ContentClaim): void {
    this.#claims = this.#claims.filter((other) => other === claim || other.state !== 'done' || !other.isSameAs(claim));
  }

  /** @internal */
  isKeptByOther(claim: ContentClaim, path: string): boolean {
    return this.#claims.some((other) => other !== claim && other.state === 'done' && other.hasFile(path));
  }
}

interface Paths {
  /** Files by key, as people write them. */
  readonly files: ReadonlyMap<string, string>;
  readonly folders: ReadonlySet<string>;
}

export class ContentClaim {
  readonly name: string;
  readonly #claims: ContentClaims;
  readonly #metainfo: Metainfo;
  readonly #options: TorrentOptions;
  readonly #top: string;
  #paths: Paths | null = null;
  #state: 'new' | 'waiting' | 'held' | 'done' | 'ended' = 'new';
  #holder: ClaimHolder | null = null;
  #granted: () => void = () => undefined;

  constructor(claims: ContentClaims, metainfo: Metainfo, options: TorrentOptions) {
    this.#claims = claims;
    this.#metainfo = metainfo;
    this.#options = options;
    this.name = metainfo.name;
    const top = options.outputName ?? metainfo.files[0]?.path[0] ?? metainfo.name;
    this.#top = `${options.dir}\0${keyOf(top.replace(BESIDE, '') || top)}`;
  }

  get state(): 'new' | 'waiting' | 'held' | 'done' | 'ended' {
    return this.#state;
  }

  /** Whom it waits for, or null. */
  get waitsFor(): ClaimHolder | null {
    return this.#state === 'waiting' ? this.#holder : null;
  }

  /**
   * `granted` is called once, within this call or later, unless the claim ends first; `waits` before it if it is not at
   * once.
   */
  begin(granted: () => void, waits: (holder: ClaimHolder) => void): void {
    this.#claims.added(this);
    this.#granted = granted;
    this.#state = 'waiting';
    this.tryAgain();
    if (this.#state === 'waiting' && this.#holder !== null) waits(this.#holder);
  }

  /** @internal */
  tryAgain(): void {
    this.#holder = this.#claims.holderAgainst(this);
    if (this.#holder !== null) return;
    this.#state = 'held';
    const granted = this.#granted;
    // A claim that is done outlives its torrent, and must not keep it in memory.
    this.#granted = () => undefined;
    granted();
  }

  /**
   * Everything is whole: nothing is written from here on, and others may read it. They must not take it for their own.
   */
  done(): void {
    if (this.#state !== 'held') return;
    this.#state = 'done';
    this.#claims.keepOnly(this);
    this.#claims.released();
  }

  /** @internal Whether it is of the same torrent at the same place. */
  isSameAs(other: ContentClaim): boolean {
    return this.#top === other.#top && this.#metainfo.infoHash.equals(other.#metainfo.infoHash);
  }

  /** The torrent has ended. What it has done stays its own for as long as the process lives. */
  end(): void {
    if (this.#state === 'done' || this.#state === 'ended') return;
    const held = this.#state === 'held';
    this.#state = 'ended';
    this.#claims.forget(this);
    if (held) this.#claims.released();
  }

  /** Whether another torrent of this process has made the file whole, which is not ours to change then. */
  isAnothers(file: number): boolean {
    const told = this.#metainfo.files[file];
    return told !== undefined && this.#claims.isKeptByOther(this, filePath(told, this.#options));
  }

  /** @internal */
  hasFile(path: string): boolean {
    return this.#lookedUp().files.has(keyOf(path));
  }

  /** @internal A path that both have, or that is a file of one and a folder of the other. */
  pathSharedWith(other: ContentClaim): string | null {
    // Who only reads keeps nobody off.
    if (other.#options.mode === 'seed') return null;
    if (this.#top !== other.#top) return null;
    const [mine, theirs] = [this.#lookedUp(), other.#lookedUp()];
    for (const [key, path] of mine.files) if (theirs.files.has(key) || theirs.folders.has(key)) return path;
    for (const folder of mine.folders) {
      const path = theirs.files.get(folder);
      if (path !== undefined) return path;
    }
    return null;
  }

  #lookedUp(): Paths {
    if (this.#paths !== null) return this.#paths;
    const files = new Map<string, string>();
    const folders = new Set<string>();
    for (const file of this.#metainfo.files) {
      if (file.padding) continue;
      const path = filePath(file, this.#options);
      const key = keyOf(path);
      files.set(key, path);
      for (
        let end = key.lastIndexOf('/');
        end > 0 && !folders.has(key.slice(0, end));
        end = key.lastIndexOf('/', end - 1)
      )
        folders.add(key.slice(0, end));
    }
    this.#paths = { files, folders };
    return this.#paths;
  }
}
