import { join } from 'node:path';
import type { Bench } from '../harness/bench.js';
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

function createRow(bench: Bench, what: string, content: string, { text, kibibytes }: PieceLength): Row {
  const { rivals } = bench;
  const maker = (name: string, program: (torrent: string) => Program): Contestant => ({
    name,
    measure: () => bench.inEmptyDir(async (dir) => (await bench.run(program(join(dir, 'new.torrent')))).cost),
  });
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
