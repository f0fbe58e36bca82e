import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../harness/bench.js';
import { PYTHON } from '../harness/installed.js';
import type { Program } from '../harness/processes.js';
import { COST, type Contestant, type MakeRow, type Row } from '../row.js';
import { manyFiles } from './many-files.js';

/** The piece length as each program takes it. */
interface PieceLength {
  readonly text: string;
  readonly kibibytes: number;
}

const MEBIBYTE: PieceLength = { text: '1M', kibibytes: 1024 };

/** Each program makes a torrent of the same file. */
export function create(pieceLength: PieceLength): MakeRow {
  return async (bench) =>
    createRow(bench, `one file in pieces of ${pieceLength.text}`, bench.content(bench.length).path, pieceLength);
}

/** Each program makes a torrent of the same thousand files. */
export const createManyFiles: MakeRow = async (bench) =>
  createRow(bench, '1,000 files in pieces of 1M', manyFiles(bench, bench.length), MEBIBYTE);

const LIBTORRENT_CREATE = fileURLToPath(new URL('../../../bench/rivals/libtorrent-create.py', import.meta.url));

type V2 = '2' | 'hybrid';

/** btget and libtorrent, alone among the rivals, make a torrent of version 2 or a hybrid of the same file. */
export function createV2(version: V2): MakeRow {
  return async (bench) =>
    createV2Row(bench, `of version ${version}, one file in pieces of 1M`, bench.content(bench.length).path, version);
}

/** The same of a thousand files. */
export function createV2ManyFiles(version: V2): MakeRow {
  return async (bench) =>
    createV2Row(bench, `of version ${version}, 1,000 files in pieces of 1M`, manyFiles(bench, bench.length), version);
}

function createV2Row(bench: Bench, what: string, content: string, version: V2): Row {
  const { text, kibibytes } = MEBIBYTE;
  const maker = makerOf(bench);
  const libtorrent = maker('libtorrent', (torrent) => ({
    command: PYTHON,
    args: [LIBTORRENT_CREATE, content, String(kibibytes * 1024), version, torrent],
  }));
  const ours = ['--piece-length', text, '--meta-version', version, '-q'];
  return {
    title: `Making a torrent of ${bench.length >> 20} MiB, ${what}`,
    metrics: COST,
    contestants: [
      maker('btget', (torrent) => bench.btget('create', content, '-o', torrent, ...ours)),
      ...(bench.rivals.libtorrent === undefined ? [] : [libtorrent]),
    ],
    goals: [{ contestant: 'btget', metric: 'wall', ratioTo: 'libtorrent', atMost: 1 }],
    timeLimit: 60,
  };
}

type Maker = (name: string, program: (torrent: string) => Program) => Contestant;

/** Makes contestants that write a .torrent to a new folder. */
function makerOf(bench: Bench): Maker {
  return (name, program) => ({
    name,
    measure: () => bench.inEmptyDir(async (dir) => (await bench.run(program(join(dir, 'new.torrent')))).cost),
  });
}

function createRow(bench: Bench, what: string, content: string, { text, kibibytes }: PieceLength): Row {
  const { rivals } = bench;
  const maker = makerOf(bench);
  const mktorrent = maker('mktorrent', (torrent) => ({
    command: 'mktorrent',
    args: ['-t', '2', '-l', String(Math.log2(kibibytes * 1024)), '-o', torrent, content],
  }));
  const transmission = maker('transmission', (torrent) => ({
    command: 'transmission-create',
    args: ['-s', String(kibibytes), '-o', torrent, content],
  }));
  return {
    title: `Making a torrent of ${bench.length >> 20} MiB, ${what}`,
    metrics: COST,
    contestants: [
      maker('btget', (torrent) => bench.btget('create', content, '-o', torrent, '--piece-length', text, '-q')),
      ...(rivals.mktorrent === undefined ? [] : [mktorrent]),
      ...(rivals.transmission === undefined ? [] : [transmission]),
    ],
    goals: [{ contestant: 'btget', metric: 'wall', ratioTo: 'mktorrent', atMost: 0.8 }],
    timeLimit: 60,
  };
}
