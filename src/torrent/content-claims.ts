/**
 * Decides which torrent of the process may write to which paths. Two torrents must not share a file. Torrents in the
 * same top folder run at the same time when they have no path in common, and take turns when they do.
 */
import type { Metainfo } from '../metainfo/metainfo.js';
import { foldName } from '../metainfo/path-policy.js';
import { filePath, type TorrentOptions } from './torrent-options.js';

/** The torrent that another one waits for: its name, and a path that both have. */
export interface ClaimHolder {
  readonly name: string;
  readonly path: string;
}

// A file grows under a part name, and another torrent may have a file with that very name. So names that differ only in
// this suffix count as equal, and so do names that differ only in case. At worst two torrents take turns without need.
const PART_NAME = /(?:\.\d+)?\.part$/i;
// The same holds for the journal and the other files beside a download.
const BESIDE = /(?:\.[0-9a-f]{8})?\.btget(?:\.lock)?(?:\..*)?$/i;

/** Equal for paths that count as equal. */
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
 * The claims of all torrents of a process. A claim covers all paths of a torrent at once, so that two torrents never
 * wait for each other. When paths become free, the claim that has waited longest is tried first. What is marked
 * `@internal` here is for the two classes of this file alone.
 */
export class ContentClaims {
  #claims: ContentClaim[] = [];

  /** A claim to the paths of a torrent. It takes effect with its `begin`. */
  claim(metainfo: Metainfo, options: TorrentOptions): ContentClaim {
    return new ContentClaim(this, metainfo, options);
  }

  /** @internal The torrent that keeps `claim` off its paths; null when none does. */
  holderAgainst(claim: ContentClaim): ClaimHolder | null {
    for (const other of this.#claims) {
      if (other === claim || other.state !== 'held') continue;
      const path = claim.pathSharedWith(other);
      if (path !== null) return { name: other.name, path };
    }
    return null;
  }

  /** @internal `claim` has begun, and waits behind the claims before it. */
  added(claim: ContentClaim): void {
    this.#claims.push(claim);
  }

  /** @internal A claim no longer keeps others off its paths. */
  released(): void {
    for (const claim of this.#claims) if (claim.state === 'waiting') claim.tryAgain();
  }

  /** @internal `claim` has ended. */
  forget(claim: ContentClaim): void {
    const at = this.#claims.indexOf(claim);
    if (at !== -1) this.#claims.splice(at, 1);
  }

  /** @internal `claim` is done, so earlier claims of the same torrent at the same place are no longer needed. */
  keepOnly(claim: ContentClaim): void {
    this.#claims = this.#claims.filter((other) => other === claim || other.state !== 'done' || !other.isSameAs(claim));
  }

  /** @internal Whether another torrent has completed a file with this path. */
  isKeptByOther(claim: ContentClaim, path: string): boolean {
    return this.#claims.some((other) => other !== claim && other.state === 'done' && other.hasFile(path));
  }
}

/** 'done': every file is whole, and stays protected after the torrent has ended. */
type ClaimState = 'new' | 'waiting' | 'held' | 'done' | 'ended';

/** The claim of one torrent. */
export class ContentClaim {
  readonly name: string;
  readonly #claims: ContentClaims;
  readonly #metainfo: Metainfo;
  readonly #options: TorrentOptions;
  readonly #top: string;
  #paths: Paths | null = null;
  #state: ClaimState = 'new';
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

  get state(): ClaimState {
    return this.#state;
  }

  /** The torrent that it waits for, or null while it does not wait. */
  get waitsFor(): ClaimHolder | null {
    return this.#state === 'waiting' ? this.#holder : null;
  }

  /**
   * Asks for the paths. `granted` is called once, within this call or later, unless the claim ends first. When it is
   * not called within this call, `waits` is.
   */
  begin(granted: () => void, waits: (holder: ClaimHolder) => void): void {
    this.#claims.added(this);
    this.#granted = granted;
    this.#state = 'waiting';
    this.tryAgain();
    if (this.#state === 'waiting' && this.#holder !== null) waits(this.#holder);
  }

  /** @internal Takes the paths if no other claim keeps this one off them. */
  tryAgain(): void {
    this.#holder = this.#claims.holderAgainst(this);
    if (this.#holder !== null) return;
    this.#state = 'held';
    const granted = this.#granted;
    // A claim that is done outlives its torrent, and must not keep the torrent in memory.
    this.#granted = () => undefined;
    granted();
  }

  /**
   * Every file is whole, and the torrent writes nothing from now on. Other torrents may read the files, but must not
   * change them.
   */
  done(): void {
    if (this.#state !== 'held') return;
    this.#state = 'done';
    this.#claims.keepOnly(this);
    this.#claims.released();
  }

  /** @internal Whether the other claim is for the same torrent at the same place. */
  isSameAs(other: ContentClaim): boolean {
    return this.#top === other.#top && this.#metainfo.infoHash.equals(other.#metainfo.infoHash);
  }

  /** The torrent has ended. The files of a claim that is done stay protected for as long as the process lives. */
  end(): void {
    if (this.#state === 'done' || this.#state === 'ended') return;
    const held = this.#state === 'held';
    this.#state = 'ended';
    this.#claims.forget(this);
    if (held) this.#claims.released();
  }

  /** Whether another torrent of this process has completed this file, so that we must not change it. */
  isAnothers(index: number): boolean {
    const file = this.#metainfo.files[index];
    return file !== undefined && this.#claims.isKeptByOther(this, filePath(file, this.#options));
  }

  /** @internal Whether a file of the torrent has this path, or one that counts as equal. */
  hasFile(path: string): boolean {
    return this.#lookedUp().files.has(keyOf(path));
  }

  /** @internal A file that both have, or a file of one that is a folder of the other; else null. */
  pathSharedWith(other: ContentClaim): string | null {
    // A torrent that only reads keeps no other torrent off.
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

interface Paths {
  /** The paths of files, by key, as messages show them. */
  readonly files: ReadonlyMap<string, string>;
  /** The keys of folders. */
  readonly folders: ReadonlySet<string>;
}
