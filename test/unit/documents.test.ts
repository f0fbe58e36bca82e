/** The documents hold together, and the manual says what the command line has. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BtgetError, type FailureCode } from '../../src/base/failure.js';
import { exitCodeOf } from '../../src/cli/exit-code.js';
import type { RunEvent, StallReason } from '../../src/cli/output/events.js';
import { createJsonOutput } from '../../src/cli/output/json-events.js';
import { NO_WEB_SEEDS } from '../../src/swarm/web-seed/web-seeds.js';
import type { TorrentStatus } from '../../src/torrent/status.js';
import { HANGS_AFTER } from '../support/hang.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENTS = ['', 'docs', 'docs/design'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith('.md') ? [join(folder, name)] : [])),
);
const MANUAL = read('docs/manual.md');

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What GitHub makes of the headings: lower case, blanks as hyphens, no other punctuation, a number when repeated. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutCode(text).matchAll(/^#+ +(.+)$/gm)) {
    const shown = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = shown.replace(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
    let name = anchor;
    for (let count = 1; anchors.has(name); count += 1) name = `${anchor}-${count}`;
    anchors.add(name);
  }
  return anchors;
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}

function linksOf(text: string): string[] {
  const prose = withoutCode(text).replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)|\b(?:src|href)="([^"]+)"/g)].map(
    ([, link, source]) => link ?? source ?? '',
  );
}

/** What is wrong with a link in `document`, or null. */
function fault(document: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? document : relative(ROOT, join(ROOT, dirname(document), decodeURI(path)));
  if (!existsSync(join(ROOT, target))) return `${document}: ${link} leads to no file`;
  if (anchor === undefined || anchorsOf(read(target)).has(anchor)) return null;
  return `${document}: ${link} leads to no heading`;
}

/** The files of the source that a document names, as it spells them; `NAME` stands for any. */
function sourcesIn(text: string): string[] {
  return [...text.matchAll(/(?<![\w./:-])(?:[\w.-]+\/)+[\w.-]+\.(?:[jt]s|sh)\b/g)].flatMap(([path]) =>
    path.includes('NAME') ? [] : path,
  );
}

/** Where a file is that a document names by its path below src, test, bench or bin; undefined when it is not there. */
function pathOfSource(name: string): string | undefined {
  const path = name.startsWith('dist/') ? name.slice('dist/'.length).replace(/\.js$/, '.ts') : name;
  return ['', 'src', 'test', 'bench', 'bin']
    .map((folder) => join(folder, path))
    .find((at) => existsSync(join(ROOT, at)));
}

/** The rows of tables that name a file and what is in it: the path and the names that stand behind it. */
function namedPlaces(text: string): { readonly path: string; readonly names: readonly string[] }[] {
  return [...text.matchAll(/^\|.*?`([\w./-]+\.ts)`(?: `\*`)? \| (`.*)$/gm)].map(([, path = '', rest = '']) => ({
    path,
    names: [...(rest.split(' | ')[0] ?? '').matchAll(/`([\w.]+)`/g)].flatMap(([, name = '']) => name.split('.')),
  }));
}

/** The rows of the tables between a heading and the next one, without the first two lines: their cells. */
function cellsBelow(heading: string): string[][] {
  const [, section = ''] = MANUAL.split(new RegExp(`^#+ ${heading}\n`, 'm'));
  const [own = ''] = section.split(/^#/m);
  const rows = own.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(2).map((row) =>
    row
      .slice(2, -2)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

const rowsBelow = (heading: string): string[][] =>
  cellsBelow(heading).map((cells) => cells.map((cell) => cell.replaceAll('`', '')));

const longOf = (flags: string): string => /--[a-z0-9-]+/.exec(flags)?.[0] ?? flags;

function optionsInManual(command: string): string[] {
  const shared = ['Files', 'Limits', 'Network', 'Output of a command', 'Configuration'].flatMap(rowsBelow);
  const borrowed = shared.filter(([, , , commands = '']) => commands.split(' ').includes(command));
  const own = rowsBelow(command === 'show' ? 'Options of show alone' : `Options of ${command}`);
  return [...borrowed, ...own].map(([flags = '']) => longOf(flags)).sort();
}

async function optionsInHelp(command: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'bin/btget.js'), command, '--help']);
  const all = [...stdout.matchAll(/^ {2}(?:-[a-zA-Z], )?(--[a-z0-9-]+)/gm)].map(([, long = '']) => long);
  return all.filter((long) => long !== '--help').sort();
}

const about = { name: '', infoHash: '' };
const status: TorrentStatus = {
  state: 'checking',
  length: 0,
  wanted: 0,
  have: 0,
  checked: 0,
  checkLength: 0,
  downloaded: 0,
  uploaded: 0,
  wasted: 0,
  webSeeds: NO_WEB_SEEDS,
  limited: false,
  downRate: 0,
  upRate: 0,
  superSeeding: false,
  peers: 0,
  seeds: 0,
  useful: 0,
  unchokedBy: 0,
  encrypted: 0,
  falseMetadata: 0,
  reach: { waiting: 0, dialled: 0, answered: 0, refused: 0, silent: 0, turnedAway: 0 },
  eta: null,
  seedGoal: null,
  diskFailure: null,
  waitsFor: null,
};
const report = {
  url: '',
  ok: true,
  swarm: null,
  message: null,
  peers: null,
  seeds: null,
  leeches: null,
  externalIp: null,
  next: null,
};
const mapping = {
  state: 'mapped',
  family: 4,
  protocol: 'PCP',
  gateway: '',
  externalHost: '',
  port: 1,
  udp: true,
} as const;
const EVENTS: { readonly [T in RunEvent['type']]: RunEvent & { readonly type: T } } = {
  listening: { type: 'listening', host: null, port: 1, onlySeeds: false },
  added: { type: 'added', about, infoHashV2: null, length: 0, wanted: 0, have: 0, files: 0, pieces: 0, dir: '' },
  checking: { type: 'checking', about, checked: 0, length: 0 },
  progress: { type: 'progress', about, status },
  file: { type: 'file', about, path: '', length: 0 },
  reused: { type: 'reused', about, path: '', from: '', length: 0 },
  tracker: { type: 'tracker', about, report },
  stalled: { type: 'stalled', about, reasons: [] },
  'port-mapping': { type: 'port-mapping', mapping },
  blocklist: { type: 'blocklist', news: 'read', status: { ranges: 0, refusedIn: 0, refusedOut: 0 } },
  warning: { type: 'warning', about, input: '', code: '', message: '' },
  error: { type: 'error', about, input: '', code: '', message: '' },
  done: { type: 'done', about, paths: [], length: 0, seconds: 0, downloaded: 0, uploaded: 0, wasted: 0 },
  summary: { type: 'summary', exitCode: 0, torrents: [] },
  seeding: { type: 'seeding', about, have: 0, wanted: 0, superSeeding: false, missing: { count: 0, first: [] } },
  over: { type: 'over', about },
  note: { type: 'note', message: '' },
  detail: { type: 'detail', message: '' },
};

describe('the documents', { timeout: HANGS_AFTER }, () => {
  it('link to files and headings that are there', () => {
    const faults = DOCUMENTS.flatMap((document) => linksOf(read(document)).map((link) => fault(document, link)));
    assert.deepEqual(
      faults.filter((each) => each !== null),
      [],
    );
    assert.ok(faults.length > 20);
  });

  it('name only files of the source that are there', () => {
    const named = DOCUMENTS.flatMap((document) => sourcesIn(read(document)).map((path) => [document, path] as const));
    assert.deepEqual(
      named.filter(([, path]) => pathOfSource(path) === undefined),
      [],
    );
    assert.ok(named.length > 100);
  });

  it('name only functions that stand in the file beside them', () => {
    const places = namedPlaces(read('docs/design.md'));
    const faults = places.flatMap(({ path, names }) => {
      const text = read(pathOfSource(path) ?? 'package.json');
      return names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)).map((name) => [path, name]);
    });
    assert.deepEqual(faults, []);
    assert.ok(places.length > 40);
  });

  it('count the files of the ways of a block', () => {
    const design = read('docs/design.md');
    const rowsOf = (heading: string): number => {
      const [, section = ''] = design.split(`### ${heading}\n`);
      return new Set(namedPlaces(section.split(/^##/m)[0] ?? '').map(({ path }) => path)).size;
    };
    assert.deepEqual([rowsOf('From the socket to the disk'), rowsOf('From the disk to the socket')], [22, 18]);
    assert.match(design, /^Twenty-two files, in order\.[\s\S]+^Eighteen files, in order;/m);
  });

  for (const command of [
    ...['download', 'seed', 'create', 'show', 'verify', 'cat', 'serve', 'tracker', 'doctor', 'config'],
  ])
    it(`name every option of ${command}, and no other`, async () => {
      const inHelp = await optionsInHelp(command);
      assert.ok(inHelp.length > 2);
      assert.deepEqual(optionsInManual(command), inHelp);
    });

  it('name every exit code with its word', () => {
    const words: Record<FailureCode, true> = {
      failed: true,
      'gave-up': true,
      'source-not-found': true,
      network: true,
      interrupted: true,
      'disk-full': true,
      'target-busy': true,
      'foreign-file': true,
      'cannot-open': true,
      io: true,
      'not-bencoded': true,
      'torrent-invalid': true,
      'magnet-invalid': true,
      usage: true,
      'bytes-missing': true,
    };
    // The keys are those of the record.
    const codes = (Object.keys(words) as FailureCode[]).map((word) => [exitCodeOf(new BtgetError(word, '')), word]);
    const expected = [[0, ''], ...codes, [exitCodeOf(new Error('a bug')), 'bug']];
    assert.deepEqual(
      rowsBelow('Exit codes').map(([code, word]) => [Number(code), word]),
      expected,
    );
  });

  it('name every event of JSON with its fields', () => {
    const told: Record<string, string[]> = {};
    const json = createJsonOutput(
      (line) => {
        const { type, time: _time, infoHash: _infoHash, ...fields } = JSON.parse(line);
        told[type] = Object.keys(fields).sort();
      },
      () => '',
    );
    for (const event of Object.values(EVENTS)) json.tell(event);
    const named = cellsBelow('Events of download and seed').map(([type = '', , fields = '']) => {
      const names = new Set([...fields.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
      return [type.replaceAll('`', ''), [...names].sort()];
    });
    assert.deepEqual(Object.fromEntries(named), told);
  });

  it('name every reason why nothing comes', () => {
    const reasons: Record<StallReason['code'], true> = {
      'disk-paused': true,
      proxy: true,
      limited: true,
      'no-metadata': true,
      'no-layers': true,
      encryption: true,
      'peers-unreachable': true,
      'peers-lack-pieces': true,
      choked: true,
      'nothing-sent': true,
      'no-seeds': true,
      'no-trackers': true,
      'trackers-silent': true,
      'trackers-failing': true,
      'web-seeds-failing': true,
      'no-peers': true,
      private: true,
      'dht-off': true,
      'dht-unreached': true,
      'dht-no-peers': true,
    };
    assert.deepEqual(
      rowsBelow('When nothing comes').map(([code]) => code),
      Object.keys(reasons),
    );
  });
});
