/** Reads the bytes of a .torrent and checks all that it says, so that no later code needs to check it again. */
import { sha1, sha256 } from '../base/digest.js';
import { asDictionary, getBytes, getDictionary, getInteger, getText } from '../bencode/access.js';
import { type BencodeDictionary, decodeBencodeParts } from '../bencode/bencode.js';
import { type BencodeRules, CANONICAL, scanBencode, TOLERANT } from '../bencode/guard.js';
import { checkHybrid, parseFiles, type RawFile } from './file-tree.js';
import {
  type InfoHash,
  invalid,
  MAX_PIECE_COUNT,
  MAX_PIECE_LENGTH,
  MAX_TORRENT_LENGTH,
  type Metainfo,
  type TorrentFile,
} from './metainfo.js';
import { parseNodes, parseTrackers, parseWebSeeds } from './parse-sources.js';
import { distinctPaths, exactElement, pathElement, torrentName } from './path-policy.js';
import { resolveSymlinks } from './symlinks.js';

const HASH_LENGTH = 20;
const RULES: BencodeRules = { ...TOLERANT, rawKey: 'info' };

/**
 * What the .torrent says. Throws a BtgetError: 'not-bencoded', or 'torrent-invalid' with the field and what is wrong
 * with it. Of a hybrid torrent the v1 side is read, and its v2 side must agree. A torrent of v2 alone is refused.
 */
export function parseMetainfo(bytes: Buffer): Metainfo {
  if (bytes.length > MAX_TORRENT_LENGTH) {
    throw invalid('the file', `has ${bytes.length} bytes, ${MAX_TORRENT_LENGTH} is the most`);
  }
  const { value, raw } = decodeBencodeParts(bytes, RULES);
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
  return parseInfo(root, info, Buffer.from(raw));
}

function parseInfo(root: BencodeDictionary, info: BencodeDictionary, raw: Buffer): Metainfo {
  const version = versionOf(info, raw);
  const infoHash = infoHashV1(raw);
  const rawName = getBytes(info, 'name.utf-8') ?? getBytes(info, 'name');
  if (rawName === undefined) throw invalid('name', 'is not a string');
  const name = torrentName(rawName) ?? infoHash.toString('hex');
  const rawFiles = parseFiles(info, rawName);
  const isFolder = info.has('files');
  const pieceLength = pieceLengthOf(info);
  const length = totalLength(rawFiles);
  const pieces = piecesOf(info, length, pieceLength);
  if (version === 'hybrid') checkHybrid(info, rawFiles, pieceLength);
  return {
    version,
    name,
    infoHash,
    infoHashV2: version === 'hybrid' ? infoHashV2(raw) : null,
    info: raw,
    pieceLength,
    pieceCount: pieces.length / HASH_LENGTH,
    pieces,
    length,
    files: isFolder
      ? folderFiles(name, rawName, rawFiles)
      : rawFiles.map((file) => torrentFile(file, [name], [rawName], 0, null)),
    isFolder,
    trackers: parseTrackers(root),
    webSeeds: parseWebSeeds(root, isFolder),
    nodes: parseNodes(root),
    private: getInteger(info, 'private') === 1,
    comment: getText(root, 'comment.utf-8') ?? getText(root, 'comment') ?? null,
    createdBy: getText(root, 'created by.utf-8') ?? getText(root, 'created by') ?? null,
    createdAt: createdAtOf(root),
  };
}

function versionOf(info: BencodeDictionary, raw: Buffer): Metainfo['version'] {
  if (!info.has('meta version')) return '1';
  const metaVersion = getInteger(info, 'meta version');
  // BEP 52: "Implementations must check this field first and indicate that a torrent is of a newer version than they
  // can handle before performing other validations".
  if (metaVersion === undefined || metaVersion > 2) throw invalid('meta version', 'is not one that we know');
  if (metaVersion < 2) return '1';
  if (!info.has('pieces')) throw invalid('meta version', 'is 2, and torrents of version 2 alone are not supported yet');
  const scan = scanBencode(raw, CANONICAL);
  if (!scan.ok) throw invalid('info', `is not canonical, as v2 wants it: ${scan.why}, at byte ${scan.at} of it`);
  return 'hybrid';
}

function pieceLengthOf(info: BencodeDictionary): number {
  const pieceLength = getInteger(info, 'piece length');
  if (pieceLength === undefined) throw invalid('piece length', 'is not a number of bytes');
  if (pieceLength < 1 || pieceLength > MAX_PIECE_LENGTH) {
    throw invalid('piece length', `is ${pieceLength}, it must be from 1 to ${MAX_PIECE_LENGTH}`);
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

function piecesOf(info: BencodeDictionary, length: number, pieceLength: number): Buffer {
  const needed = Math.ceil(length / pieceLength);
  if (needed > MAX_PIECE_COUNT) throw invalid('pieces', `would be ${needed}, ${MAX_PIECE_COUNT} is the most`);
  const pieces = getBytes(info, 'pieces');
  if (pieces === undefined) throw invalid('pieces', 'is not a string');
  if (pieces.length !== needed * HASH_LENGTH) {
    throw invalid('pieces', `has ${pieces.length} bytes, but ${needed} pieces need ${needed * HASH_LENGTH}`);
  }
  return pieces;
}

function folderFiles(name: string, rawName: Buffer, rawFiles: readonly RawFile[]): readonly TorrentFile[] {
  const wanted = rawFiles.map(({ path, padding, length }) => ({
    // A pad file without a path gets the path that creators usually give it.
    path: path.length === 0 ? ['.pad', String(length)] : [name, ...path.map(pathElement)],
    padding,
  }));
  const paths = distinctPaths(wanted);
  const targets = resolveSymlinks(
    rawFiles.map(({ target, padding }, i) => ({
      path: wanted[i]?.path ?? [],
      finalPath: paths[i] ?? [],
      target: target === null ? null : target.map(pathElement),
      padding,
    })),
  );
  let begin = 0;
  return rawFiles.map((file, i) => {
    const parsed = torrentFile(file, paths[i] ?? [], [rawName, ...file.path], begin, targets[i] ?? null);
    begin += file.length;
    return parsed;
  });
}

function torrentFile(
  file: RawFile,
  path: readonly string[],
  spelled: readonly Buffer[],
  begin: number,
  symlink: readonly string[] | null,
): TorrentFile {
  const { length, padding, executable, hidden } = file;
  const parsed = { path, begin, length, padding, executable, hidden, symlink };
  const exactPath = padding || symlink !== null ? undefined : exactPathOf(path, spelled);
  return exactPath === undefined ? parsed : { ...parsed, exactPath };
}

/** The path of the bytes `spelled`; undefined when it is the same as `path`, or when no file can have it. */
function exactPathOf(path: readonly string[], spelled: readonly Buffer[]): readonly string[] | undefined {
  const exact = spelled.map(exactElement);
  const isPath = exact.every((element) => element !== undefined);
  return isPath && exact.some((element, i) => element !== path[i]) ? exact : undefined;
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

// Both hashes are over the original bytes of `info`. A new encoding could differ, and would name another torrent.

/** BEP 3: the 20 bytes by which trackers and peers know a v1 or hybrid torrent. */
function infoHashV1(info: Buffer): InfoHash {
  return sha1(info);
}

/** BEP 52: the 32 bytes that name a v2 or hybrid torrent. */
function infoHashV2(info: Buffer): Buffer {
  return sha256(info);
}
