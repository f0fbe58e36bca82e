import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import { type Description, describe } from '../../../src/metainfo/describe.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { hasCorpus, isInCorpus, readCorpus } from '../../support/corpus.js';

/** What a client's own tests expect of a torrent. Null and absent mean the same. */
interface Expectation {
  readonly load?: 'ok' | 'fail';
  readonly asserted?: {
    readonly name?: string | null;
    readonly total_size?: number;
    readonly piece_length?: number | null;
    readonly piece_count?: number;
    readonly num_files?: number | null;
    readonly info_hash_v1?: string | null;
    readonly info_hash_v2?: string | null;
    readonly files?: readonly AssertedFile[];
    readonly paths?: readonly string[];
    readonly url_seeds?: readonly string[] | null;
    readonly web_seeds?: readonly string[] | null;
    readonly trackers?: readonly string[] | null;
    readonly tiers?: readonly (readonly string[])[];
    readonly dht_nodes?: readonly (readonly [string, number])[];
  };
  readonly raw: {
    readonly info_sha1?: string;
    readonly info_sha256?: string;
    readonly info_keys?: readonly string[];
  };
}

type AssertedFile =
  | string
  | readonly [path: string, length: number]
  | { readonly index: number; readonly path?: string; readonly renamed_to?: string; readonly symlink?: string };

const CLIENTS = ['aria2', 'deluge', 'libtorrent', 'transmission', 'webtorrent'];

/** Torrents that we judge differently, with the reason. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'transmission/bad-utf8-path.torrent': 'bytes that are not UTF-8 become an underscore, not U+FFFD',
  'transmission/gimp-2.10.32-1-arm64.dmg.torrent': 'holds a magnet link instead of an info',
};

function judge(bytes: Buffer): Description | BtgetError {
  try {
    return describe(parseMetainfo(bytes));
  } catch (error) {
    if (error instanceof BtgetError) return error;
    throw error;
  }
}

function checkFacts(shown: Description, { asserted = {}, raw }: Expectation, label: string): void {
  const paths = shown.files.map(({ path }) => path);
  const facts: readonly (readonly [actual: unknown, expected: unknown])[] = [
    [shown.infoHash, raw.info_keys?.includes('pieces') ? raw.info_sha1 : undefined],
    [shown.infoHashV2, raw.info_keys?.includes('file tree') ? raw.info_sha256 : undefined],
    [shown.infoHash, asserted.info_hash_v1],
    [shown.infoHashV2, asserted.info_hash_v2],
    [shown.name, asserted.name],
    [shown.length, asserted.total_size],
    [shown.pieceLength, asserted.piece_length],
    [shown.pieceCount, asserted.piece_count],
    [shown.trackers.flat(), asserted.trackers],
    [shown.trackers, asserted.tiers],
    [shown.webSeeds, asserted.url_seeds],
    [shown.nodes, asserted.dht_nodes?.map(([host, port]) => `${host}:${port}`)],
  ];
  for (const [actual, expected] of facts) {
    if (expected !== undefined && expected !== null) assert.deepEqual(actual, expected, label);
  }
  // The expected URLs were recorded in lower case, so case does not count.
  const webSeeds = asserted.web_seeds?.map((url) => url.toLowerCase()).sort();
  if (webSeeds) assert.deepEqual(shown.webSeeds.map((url) => url.toLowerCase()).sort(), webSeeds, label);
  // libtorrent counts the padding between files of version 2 as files.
  if (typeof asserted.num_files === 'number' && shown.version !== '2')
    assert.equal(paths.length, asserted.num_files, label);
  for (const path of asserted.paths ?? []) assert.ok(paths.includes(path), `${label}: ${path}`);
  for (const file of asserted.files ?? []) checkFile(shown, file, label);
}

function checkFile({ files }: Description, file: AssertedFile, label: string): void {
  if (typeof file === 'string') {
    assert.ok(
      files.some(({ path }) => path === file),
      `${label}: ${file}`,
    );
  } else if ('index' in file) {
    const { index, path, renamed_to, symlink } = file;
    const expected = renamed_to ?? path;
    if (expected !== undefined) assert.equal(files[index]?.path, expected, label);
    if (symlink !== undefined) assert.equal(files[index]?.symlink, symlink, label);
  } else {
    const [end, length] = file;
    assert.ok(
      files.some(({ path, length: actual }) => path.endsWith(end) && actual === length),
      `${label}: ${end}`,
    );
  }
}

if (hasCorpus('torrents of other clients')) {
  for (const client of CLIENTS) {
    test(`the torrents of ${client} are judged as its own tests do`, () => {
      const table = JSON.parse(readCorpus(`${client}/expect.json`).toString()) as {
        readonly torrents: Readonly<Record<string, Expectation>>;
      };
      for (const [name, expectation] of Object.entries(table.torrents)) {
        const label = `${client}/${name}`;
        if (!isInCorpus(label)) continue;
        const judgement = judge(readCorpus(label));
        if (expectation.load === 'fail') assert.ok(judgement instanceof BtgetError, label);
        else if (!(label in OTHERWISE)) {
          assert.ok(!(judgement instanceof BtgetError), `${label}: ${String(judgement)}`);
          checkFacts(judgement, expectation, label);
        }
      }
    });
  }
}
