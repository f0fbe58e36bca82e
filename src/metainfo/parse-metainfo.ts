/** Reads the bytes of a .torrent and checks all that it says, so that no later code needs to check it again. */
import { sha1, sha256 } from '../base/digest.js';
import { asDictionary, getBytes, getDictionary, getInteger, getText } from '../bencode/access.js';
import { type BencodeDictionary, decodeBencodeParts } from '../bencode/bencode.js';
import { type BencodeRules, CANONICAL, scanBencode, TOLERANT } from '../bencode/guard.js';
import { checkHybrid, parseFiles, type RawFile } from './file-list.js';
import { parseFileTree, type TreeFile } from './file-tree.js';
import { type InfoHashes, infoHashV1, infoHashV2, mainHash, V1_HASH_LENGTH } from './info-hash.js';
import { parseLayers } from './layers.js';
import { NODE_LENGTH } from './merkle.js';
import {
  invalid,
  MAX_PIECE_COUNT,
  MAX_PIECE_LENGTH,
  MAX_TORRENT_LENGTH,
  type Metainfo,
  type TorrentFile,
} from './metainfo.js';
import { parseHttpSeeds, parseNodes, parseTrackers, parseWebSeeds } from './parse-sources.js';
import { distinctPaths, exactElement, pathElement, SafePaths, torrentName, type WantedPath } from './path-policy.js';
import { BLOCK_LENGTH } from './piece-layout.js';
import { resolveSymlinks } from './symlinks.js';

const RULES: BencodeRules = { ...TOLERANT, rawKey: 'info', unreadKeys: ['files', 'file tree'] };

/**
 * What the .torrent says. Throws a BtgetError: 'not-bencoded', or 'torrent-invalid' with the field and what is wrong
 * with it. Of a hybrid torrent both sides are read, and they must agree.
 */
export function parseMetainfo(bytes: Buffer): Metainfo {
  if (bytes.length > MAX_TORRENT_LENGTH) {
    throw invalid('the file', `has ${bytes.length} bytes, ${MAX_TORRENT_LENGTH} is the most`);
  }
  const { value, raw, isRawCanonical, unread } = decodeBencodeParts(bytes, RULES);
  const root = asDictionary(value);
  if (root === undefined) throw invalid('the file', 'is not a dictionary');
  const info = getDictionary(root, 'info');
  if (info === undefined || raw === null) {
    throw invalid(
      'info',
      root.has('magnet-info')
        ? 'is missing: this is a magnet link in a file'
        : root.has('info')
          ? 'is not a dictionary'
          : 'is missing',
    );
  }
  return parseInfo(root, info, Buffer.from(raw), isRawCanonical, unread);
}

/** `raw` is the bencoded `info`. `unread` has what is bencoded still: the files of both versions, if they are there. */
function parseInfo(
  root: BencodeDictionary,
  info: BencodeDictionary,
  raw: Buffer,
  isCanonical: boolean,
  unread: ReadonlyMap<string, Buffer>,
): Metainfo {
  const version = versionOf(info, raw, isCanonical);
  const hashes = hashesOf(version, raw);
  const infoHash = mainHash(hashes);
  const rawName = getBytes(info, 'name.utf-8') ?? getBytes(info, 'name');
  if (rawName === undefined) throw invalid('name', 'is not a string');
  const name = torrentName(rawName) ?? infoHash.toString('hex');
  const pieceLength = pieceLengthOf(info, version);
  const tree = version === '1' ? [] : parseFileTree(unread.get('file tree') ?? null);
  const rawFiles = version === '2' ? tree : parseFiles(info, unread.get('files') ?? null, rawName);
  const isFolder = version === '2' ? isFolderTree(tree, rawName) : info.has('files');
  const length = totalLength(rawFiles);
  const begins = beginsOf(rawFiles, version === '2' ? pieceLength : 1);
  const pieceCount = pieceCountOf(rawFiles, begins, pieceLength);
  const pieces = version === '2' ? Buffer.alloc(0) : piecesOf(info, pieceCount);
  if (version === 'hybrid') checkHybrid(tree, rawFiles, pieceLength);
  const roots = rootsOf(rawFiles, tree);
  const files = isFolder
    ? folderFiles(name, rawName, rawFiles, begins, roots)
    : rawFiles.map((file, i) => torrentFile({ ...file, path: [] }, [name], rawName, 0, null, roots[i] ?? null));
  const layers =
    version === '1' ? { pieceRoots: null, missingLayers: [] } : parseLayers(root, files, pieceLength, pieceCount);
  return {
    version,
    name,
    infoHash,
    infoHashV1: hashes.v1,
    infoHashV2: hashes.v2,
    info: raw,
    pieceLength,
    pieceCount,
    pieces,
    ...layers,
    length,
    files,
    isFolder,
    trackers: parseTrackers(root),
    webSeeds: parseWebSeeds(root, isFolder),
    httpSeeds: parseHttpSeeds(root),
    nodes: parseNodes(root),
    private: getInteger(info, 'private') === 1,
    comment: getText(root, 'comment.utf-8') ?? getText(root, 'comment') ?? null,
    createdBy: getText(root, 'created by.utf-8') ?? getText(root, 'created by') ?? null,
    createdAt: createdAtOf(root),
  };
}

function versionOf(info: BencodeDictionary, raw: Buffer, isCanonical: boolean): Metainfo['version'] {
  const hasV1 = info.has('pieces') && (info.has('files') || info.has('length'));
  if (!info.has('meta version')) {
    if (!info.has('file tree') || hasV1) return '1';
    throw invalid('meta version', 'is missing, and there is nothing of version 1');
  }
  const metaVersion = getInteger(info, 'meta version');
  // BEP 52: "Implementations must check this field first and indicate that a torrent is of a newer version than they
  // can handle before performing other validations".
  if (metaVersion !== undefined && metaVersion > 2) {
    throw invalid('meta version', `is ${metaVersion}: a newer program made the torrent, and we know version 2`);
  }
  if (metaVersion === undefined || metaVersion < 1) throw invalid('meta version', 'is not 1 or 2');
  if (metaVersion === 1) return '1';
  if (!isCanonical) {
    const scan = scanBencode(raw, CANONICAL);
    const where = scan.ok ? '' : `: ${scan.why}, at byte ${scan.at} of it`;
    throw invalid('info', `is not canonical, as v2 wants it${where}`);
  }
  if (info.has('pieces') && !hasV1) throw invalid('files', 'is missing, and so is length: half of a hybrid');
  return hasV1 ? 'hybrid' : '2';
}

// Both hashes are over the original bytes of `info`. A new encoding could differ, and would name another torrent.
function hashesOf(version: Metainfo['version'], raw: Buffer): InfoHashes {
  return {
    v1: version === '2' ? null : infoHashV1(sha1(raw)),
    v2: version === '1' ? null : infoHashV2(sha256(raw)),
  };
}

/** BEP 52: a tree of one file with the torrent's own name is that file. */
function isFolderTree([first, ...others]: readonly RawFile[], name: Buffer): boolean {
  return first === undefined || others.length > 0 || first.path.length > 1 || first.path[0]?.equals(name) !== true;
}

/** Where each file begins in the torrent. A file with bytes begins at a multiple of `alignment`. */
function beginsOf(files: readonly RawFile[], alignment: number): readonly number[] {
  let end = 0;
  return files.map(({ length }) => {
    const begin = length === 0 ? end : Math.ceil(end / alignment) * alignment;
    end = begin + length;
    return begin;
  });
}

/** By file: the root of its hash tree, as a view of memory that holds those of all files. `tree` has no pad files. */
function rootsOf(files: readonly RawFile[], tree: readonly TreeFile[]): readonly (Buffer | null)[] {
  const roots = Buffer.allocUnsafeSlow(tree.length * NODE_LENGTH);
  let next = 0;
  return files.map(({ padding }) => {
    const root = padding ? null : (tree[next]?.root ?? null);
    if (!padding) next += 1;
    if (root === null) return null;
    const at = (next - 1) * NODE_LENGTH;
    root.copy(roots, at);
    return roots.subarray(at, at + NODE_LENGTH);
  });
}

function pieceLengthOf(info: BencodeDictionary, version: Metainfo['version']): number {
  const pieceLength = getInteger(info, 'piece length');
  if (pieceLength === undefined) throw invalid('piece length', 'is not a number of bytes');
  if (pieceLength < 1 || pieceLength > MAX_PIECE_LENGTH) {
    throw invalid('piece length', `is ${pieceLength}, it must be from 1 to ${MAX_PIECE_LENGTH}`);
  }
  // BEP 52: "It must be a power of two and at least 16KiB."
  if (version !== '1' && (pieceLength < BLOCK_LENGTH || !Number.isInteger(Math.log2(pieceLength)))) {
    throw invalid('piece length', `${pieceLength} is not a power of two from ${BLOCK_LENGTH} on, as v2 wants it`);
  }
  return pieceLength;
}

function totalLength(files: readonly RawFile[]): number {
  let total = 0;
  for (const file of files) {
    total += file.length;
    if (!Number.isSafeInteger(total)) throw invalid('length', 'is beyond 2^53 bytes in all');
  }
  if (total === 0) throw invalid('length', 'is 0: the torrent has no content');
  return total;
}

function pieceCountOf(files: readonly RawFile[], begins: readonly number[], pieceLength: number): number {
  const end = (begins.at(-1) ?? 0) + (files.at(-1)?.length ?? 0);
  const count = Math.ceil(end / pieceLength);
  if (count > MAX_PIECE_COUNT) throw invalid('pieces', `would be ${count}, ${MAX_PIECE_COUNT} is the most`);
  return count;
}

function piecesOf(info: BencodeDictionary, needed: number): Buffer {
  const pieces = getBytes(info, 'pieces');
  if (pieces === undefined) throw invalid('pieces', 'is not a string');
  if (pieces.length !== needed * V1_HASH_LENGTH) {
    throw invalid('pieces', `has ${pieces.length} bytes, but ${needed} pieces need ${needed * V1_HASH_LENGTH}`);
  }
  // The bytes of all else that the .torrent says need not stay in memory with it.
  return Buffer.from(pieces);
}

function folderFiles(
  name: string,
  rawName: Buffer,
  rawFiles: readonly RawFile[],
  begins: readonly number[],
  roots: readonly (Buffer | null)[],
): readonly TorrentFile[] {
  const safe = new SafePaths(name);
  // A pad file stands between any two files, in a folder of its own.
  const safePads = new SafePaths(name);
  const wanted = rawFiles.map(({ path, padding, length }) => ({
    // A pad file without a path gets the path that creators usually give it.
    path: path.length === 0 ? ['.pad', String(length)] : (padding ? safePads : safe).of(path),
    padding,
  }));
  const paths = distinctPaths(wanted);
  const targets = rawFiles.every(({ target }) => target === null) ? [] : targetsOf(rawFiles, wanted, paths);
  return rawFiles.map((file, i) =>
    torrentFile(file, paths[i] ?? [], rawName, begins[i] ?? 0, targets[i] ?? null, roots[i] ?? null),
  );
}

/** By file: where its link leads, if it is a link that counts. */
function targetsOf(
  rawFiles: readonly RawFile[],
  wanted: readonly WantedPath[],
  paths: readonly (readonly string[])[],
): readonly (readonly string[] | null)[] {
  return resolveSymlinks(
    rawFiles.map(({ target, padding }, i) => ({
      path: wanted[i]?.path ?? [],
      finalPath: paths[i] ?? [],
      target: target === null ? null : target.map(pathElement),
      padding,
    })),
  );
}

/** `path` is that of the file: the torrent's name, and one element for each of its raw path. */
function torrentFile(
  file: RawFile,
  path: readonly string[],
  rawName: Buffer,
  begin: number,
  symlink: readonly string[] | null,
  piecesRoot: Buffer | null,
): TorrentFile {
  const { length, padding, executable, hidden } = file;
  const parsed: Writable<TorrentFile> =
    piecesRoot === null
      ? { path, begin, length, padding, executable, hidden, symlink }
      : { path, begin, length, padding, executable, hidden, symlink, piecesRoot };
  const exactPath = padding || symlink !== null ? undefined : exactPathOf(path, rawName, file.path);
  if (exactPath !== undefined) parsed.exactPath = exactPath;
  return parsed;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The path as the torrent spells it; undefined when it is the same as `path`, or when no file can have it. */
function exactPathOf(
  path: readonly string[],
  rawName: Buffer,
  rawPath: readonly Buffer[],
): readonly string[] | undefined {
  if (isSpelling(rawName, path[0]) && rawPath.every((bytes, i) => isSpelling(bytes, path[i + 1]))) return undefined;
  const exact = [rawName, ...rawPath].map(exactElement);
  const isPath = exact.every((element) => element !== undefined);
  return isPath && exact.some((element, i) => element !== path[i]) ? exact : undefined;
}

/** Whether `bytes` are just the ASCII characters of `text`. Most names are, and no string need be made of them. */
function isSpelling(bytes: Buffer, text: string | undefined): boolean {
  if (bytes.length !== text?.length) return false;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    if (byte >= 0x80 || byte !== text.charCodeAt(i)) return false;
  }
  return true;
}

// 10^11 seconds lead to the year 5138, but 10^11 milliseconds to 1973. Some creators write milliseconds, so a larger
// number counts as such.
const MAX_SECONDS = 100_000_000_000;

function createdAtOf(root: BencodeDictionary): number | null {
  const createdAt = getInteger(root, 'creation date');
  if (createdAt === undefined || createdAt < 0) return null;
  const seconds = createdAt > MAX_SECONDS ? Math.floor(createdAt / 1000) : createdAt;
  return seconds > MAX_SECONDS ? null : seconds;
}
