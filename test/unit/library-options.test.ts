/** Each function of the library that takes options refuses each wrong one, and names it with its value. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  type CreateTorrentOptions,
  createMetainfo,
  createNodeSession,
  createTorrent,
  DEFAULT_CREATE_TORRENT_OPTIONS,
  DEFAULT_DOWNLOAD_OPTIONS,
  DEFAULT_NODE_SESSION_OPTIONS,
  DEFAULT_TORRENT_OPTIONS,
  type DownloadOptions,
  describe as describeTorrent,
  download,
  type NewTorrent,
  type NodeSessionOptions,
  parseLink,
  parseMetainfo,
  type SessionOptions,
  type TorrentOptions,
} from '../../src/index.js';
import { FIXTURES } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { LOOPBACK } from '../support/seed-session.js';

/** For each option wrong values, and how the message begins that says so. A new option does not compile without. */
type Wrong<T> = { readonly [K in keyof T]-?: readonly (readonly [value: unknown, begins: string])[] };

const TRUTH = [
  ['no', "'no' is not true or false"],
  [1, '1 is not true or false'],
  [null, 'null is not true or false'],
] as const;

const truth = (name: string) => TRUTH.map(([value, says]) => [value, `${name}: ${says}`] as const);

const SESSION: Wrong<SessionOptions> = {
  port: [
    [6881, 'port: 6881 is not a range of ports'],
    [{ first: 1 }, 'port.last: undefined is not a whole number from 0 to 65535'],
    [{ first: 1, last: 65_536 }, 'port.last: 65536 is not'],
    [{ first: 2, last: 1 }, 'port: {"first":2,"last":1} is not a range of ports'],
    [{ first: 1, last: 2, lats: 3 }, 'port.lats: there is no such option (its value is 3)'],
  ],
  listen: truth('listen'),
  bind: [
    ['', "bind: '' is not an address"],
    ['192.0.2.1', 'bind: this machine does not have the address 192.0.2.1'],
    ['no such interface', 'bind: neither an address nor an interface with one: no such interface'],
  ],
  blocklist: [
    ['list.p2p', "blocklist: 'list.p2p' is not what readBlocklist resolves to"],
    [Promise.resolve(), 'blocklist: a promise (await it first) is not what readBlocklist resolves to'],
  ],
  proxy: [
    [8080, 'proxy: 8080 is not the URL of a proxy (socks5, socks5h or http)'],
    ['10.0.0.1:1080', 'proxy: a proxy is named as socks5://'],
    ['https://u:secret@10.0.0.1', "proxy: 'https://' is no proxy that btget speaks to"],
    ['socks5://10.0.0.1:0', 'proxy: 0 is no port of a proxy'],
  ],
  listenAnyway: truth('listenAnyway'),
  httpProxies: [
    ['http://10.0.0.1', "httpProxies: 'http://10.0.0.1' is not proxies such as"],
    [{ http: null, https: 'ftp://10.0.0.1', except: [] }, "httpProxies.https: 'ftp://' is no proxy"],
    [{ http: null, https: null, except: 'localhost' }, "httpProxies.except: 'localhost' is not"],
  ],
  encryption: [
    ['maybe', "encryption: 'maybe' is not"],
    [true, 'encryption: true is not'],
  ],
  useLsd: truth('useLsd'),
  usePortMapping: truth('usePortMapping'),
  caCertificates: [
    ['nothing', 'caCertificates: no certificate in PEM form'],
    [Buffer.from('x'), 'caCertificates: bytes is not the text of certificates'],
  ],
  maxDownload: [
    ['5M', "maxDownload: '5M' is not a number of bytes a second, at least 1 (null is no limit)"],
    [0, 'maxDownload: 0 is not'],
    [-1, 'maxDownload: -1 is not'],
    [Number.NaN, 'maxDownload: NaN is not'],
    [Number.POSITIVE_INFINITY, 'maxDownload: Infinity is not'],
    [5n, 'maxDownload: 5n is not'],
  ],
  maxUpload: [
    ['5M', "maxUpload: '5M' is not"],
    [0, 'maxUpload: 0 is not'],
  ],
  useDht: truth('useDht'),
  dhtNodes: [
    ['router.example.org:6881', "dhtNodes: 'router.example.org:6881' is not a list"],
    [new Array(1), 'dhtNodes[0]: undefined is not an object'],
    [['router.example.org:6881'], "dhtNodes[0]: 'router.example.org:6881' is not an object"],
    [
      [
        { host: 'a', port: 1 },
        { host: '', port: 1 },
      ],
      "dhtNodes[1].host: '' is not a host name or an IP address",
    ],
    [[{ host: 'a', port: 0 }], 'dhtNodes[0].port: 0 is not a whole number from 1 to 65535'],
  ],
  dhtState: [
    [5, 'dhtState: 5 is not a path'],
    ['a\0b', "dhtState: 'a\0b' is not a path"],
  ],
};

const USER_AGENT = [
  ['', "userAgent: '' is not printable ASCII"],
  ['a\r\nhost: b', "userAgent: 'a\r\nhost: b' is not printable ASCII"],
  [null, 'userAgent: null is not'],
] as const;

const NODE_SESSION: Wrong<NodeSessionOptions> = {
  ...SESSION,
  userAgent: USER_AGENT,
  gotException: [[null, 'gotException: null is not a function']],
  noted: [['x', "noted: 'x' is not a function"]],
  warned: [[1, 'warned: 1 is not a function']],
  cacheDir: [['', "cacheDir: '' is not a path"]],
  writer: [[{}, 'writer: an object is not a thread that was begun']],
};

const peers = (name: string) =>
  [
    ['127.0.0.1:1', `${name}: '127.0.0.1:1' is not a list`],
    [['127.0.0.1:1'], `${name}[0]: '127.0.0.1:1' is not an object`],
    [[{ host: 'example.org', port: 1 }], `${name}[0].host: 'example.org' is not an IP address`],
    [[{ host: '127.0.0.1', port: '1' }], `${name}[0].port: '1' is not a whole number from 1 to 65535`],
  ] as const;

const TORRENT_OF_DOWNLOAD: Wrong<Omit<TorrentOptions, 'mode' | 'onDemand' | 'seedGoal'>> = {
  dir: [
    ['', "dir: '' is not a path"],
    [null, 'dir: null is not a path'],
  ],
  outputName: [
    ['../x', "outputName: '../x' is not a file name"],
    ['..', "outputName: '..' is not a file name"],
    ['x'.repeat(241), `outputName: '${'x'.repeat(80)}…' is not a file name`],
  ],
  superSeed: truth('superSeed'),
  sequential: truth('sequential'),
  overwrite: truth('overwrite'),
  partNames: truth('partNames'),
  selection: [
    ['*.txt', "selection: '*.txt' is not an object"],
    [{ select: '*.txt', exclude: [], ranges: null }, "selection.select: '*.txt' is not a list"],
    [{ select: [], exclude: [5], ranges: null }, 'selection.exclude[0]: 5 is not a pattern'],
    [{ select: [], exclude: [] }, 'selection.ranges: undefined is not a list'],
    [{ select: [], exclude: [], ranges: [{ first: 2, last: 1 }] }, 'selection.ranges[0]: {"first":2,"last":1} is not'],
  ],
  preallocate: truth('preallocate'),
  reuse: [
    ['old', "reuse: 'old' is not a list"],
    [['old', ''], "reuse[1]: '' is not a path"],
  ],
  check: truth('check'),
  maxPeers: [
    ['80', "maxPeers: '80' is not a whole number from 1 to 10000"],
    [0, 'maxPeers: 0 is not'],
    [1.5, 'maxPeers: 1.5 is not'],
  ],
  uploadSlots: [[0, 'uploadSlots: 0 is not a whole number from 1 to 10000']],
  peers: peers('peers'),
  linkPeers: peers('linkPeers'),
  trackers: [
    ['http://a.example/', "trackers: 'http://a.example/' is not a list"],
    [['a.example'], "trackers[0]: 'a.example' is not the URL of a tracker"],
    [['wss://a.example/'], "trackers[0]: 'wss://a.example/' is not the URL of a tracker"],
  ],
  useTorrentTrackers: truth('useTorrentTrackers'),
  webSeeds: [
    ['http://a.example/', "webSeeds: 'http://a.example/' is not a list"],
    [['ftp://a.example/'], "webSeeds[0]: 'ftp://a.example/' is not an http(s) URL"],
  ],
  useTorrentWebSeeds: truth('useTorrentWebSeeds'),
  usePex: truth('usePex'),
};

const TORRENT: Wrong<TorrentOptions> = {
  ...TORRENT_OF_DOWNLOAD,
  onDemand: [
    [64, 'onDemand: 64 is not limits in bytes'],
    [{ window: 0, kept: 1 }, 'onDemand.window: 0 is not a whole number'],
  ],
  mode: [['leech', "mode: 'leech' is not 'download' or 'seed'"]],
  seedGoal: [
    [2, 'seedGoal: 2 is not a goal'],
    [{ ratio: -1, time: null }, 'seedGoal.ratio: -1 is not a ratio'],
    [{ ratio: null, time: '1h' }, "seedGoal.time: '1h' is not a time in milliseconds"],
  ],
};

const { blocklist: _blocklist, ...SESSION_OF_DOWNLOAD } = SESSION;

const DOWNLOAD: Wrong<DownloadOptions> = {
  ...SESSION_OF_DOWNLOAD,
  blocklists: [
    ['list.p2p', "blocklists: 'list.p2p' is not a list"],
    [['a\0b'], "blocklists[0]: 'a\0b' is not a path or an http(s) URL"],
  ],
  ...TORRENT_OF_DOWNLOAD,
  userAgent: USER_AGENT,
  signal: [[new AbortController(), 'signal: an object is not an AbortSignal']],
  onProgress: [['x', "onProgress: 'x' is not a function"]],
  onWarning: [[true, 'onWarning: true is not a function']],
};

const pieceLength = [
  [20_000, 'pieceLength: 20000 is not a power of two'],
  [8192, 'pieceLength: 8192 is not a power of two'],
  [2 ** 30, 'pieceLength: 1073741824 is not a power of two'],
  ['16K', "pieceLength: '16K' is not a power of two"],
] as const;

const CREATE: Wrong<CreateTorrentOptions> = {
  metaVersion: [
    [2, "metaVersion: 2 is not '1' or '2' or 'hybrid'"],
    ['3', "metaVersion: '3' is not '1' or"],
  ],
  name: [['a/b', "name: 'a/b' is not a file name"]],
  pieceLength,
  exclude: [[[''], "exclude[0]: '' is not a glob"]],
  trackers: [
    [['http://a.example/'], "trackers[0]: 'http://a.example/' is not a list"],
    [[['a.example']], "trackers[0][0]: 'a.example' is not the URL of a tracker"],
  ],
  webSeeds: [[['udp://a.example/'], "webSeeds[0]: 'udp://a.example/' is not an http(s) URL"]],
  private: truth('private'),
  source: [[5, 'source: 5 is not a text']],
  comment: [[5, 'comment: 5 is not a text']],
  createdBy: [['', "createdBy: '' is not a text"]],
  createdAt: [[new Date(0), 'createdAt: an object is not a whole number']],
};

const { exclude: _fromFiles, ...OF_HASHES } = CREATE;
const NEW: Wrong<NewTorrent> = {
  ...OF_HASHES,
  name: [
    ['..', "name: '..' is not a name"],
    [undefined, 'name: undefined is not a name'],
  ],
  content: [
    [{ length: '5', executable: false }, "content.length: '5' is not a whole number"],
    [[{ path: ['a', '..'], length: 5, executable: false }], "content[0].path[1]: '..' is not a name"],
  ],
  pieces: [
    ['x'.repeat(20), `pieces: '${'x'.repeat(20)}' is not the bytes of hashes`],
    [Buffer.alloc(40), 'pieces: 40 bytes of hashes, and the content needs 20'],
  ],
  pieceRoots: [
    [5, 'pieceRoots: 5 is not the bytes of hashes'],
    [Buffer.alloc(64), 'pieceRoots: 64 bytes of hashes, and the content needs 0'],
  ],
};

/** Throws what the function throws, or rejects as it rejects, when it is given these options. */
type Call = (options: never) => unknown;

async function messageOf(call: Call, options: object): Promise<string> {
  try {
    await call(options as never);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error, String(error));
    assert.equal(error.code, 'usage');
    return error.message;
  }
  return 'it was taken';
}

const bytes = readFileSync(join(FIXTURES, 'one-file.torrent'));
const metainfo = parseMetainfo(bytes);
const link = parseLink(metainfo.infoHash.toString('hex'));
const { bind, port, useTorrentTrackers } = LOOPBACK;
const session = createNodeSession({ bind, port });
after(() => new Promise<void>((resolve) => session.stop(resolve)));
const nothing = (): void => undefined;
const told = { trackerAnswered: nothing, warned: nothing, failed: nothing };
const events = {
  ...told,
  started: nothing,
  fileDone: nothing,
  done: nothing,
  goalReached: nothing,
  gotMetadata: nothing,
};
// Where a wrong option that is taken would write.
const dir = mkdtempSync(join(tmpdir(), 'btget-options-'));
after(() => rmSync(dir, { recursive: true }));
const { exclude: _none, ...DEFAULT_OF_HASHES } = DEFAULT_CREATE_TORRENT_OPTIONS;
const NEW_TORRENT: NewTorrent = {
  ...DEFAULT_OF_HASHES,
  name: 'x',
  content: { length: 5, executable: false },
  pieceLength: 16_384,
  pieces: Buffer.alloc(20),
  pieceRoots: null,
};

const FUNCTIONS: readonly (readonly [name: string, Call, Wrong<Record<string, unknown>>, good: object])[] = [
  ['createNodeSession', createNodeSession, NODE_SESSION, DEFAULT_NODE_SESSION_OPTIONS],
  ['addTorrent', (o) => session.addTorrent(metainfo, o, events), TORRENT, { ...DEFAULT_TORRENT_OPTIONS, dir }],
  ['addMagnet', (o) => session.addMagnet(link, o, events), TORRENT, { ...DEFAULT_TORRENT_OPTIONS, dir }],
  ['fetchMetadata', (o) => session.fetchMetadata(link, o, events), TORRENT, { ...DEFAULT_TORRENT_OPTIONS, dir }],
  ['findPeers', (o) => session.findPeers(metainfo, o, events), TORRENT, { ...DEFAULT_TORRENT_OPTIONS, dir }],
  ['download', (o) => download(bytes, o), DOWNLOAD, { ...DEFAULT_DOWNLOAD_OPTIONS, dir }],
  ['createTorrent', (o) => createTorrent(join(FIXTURES, 'one-file.txt'), o), CREATE, DEFAULT_CREATE_TORRENT_OPTIONS],
  ['createMetainfo', createMetainfo, NEW, NEW_TORRENT],
];

describe('options of the library', { timeout: HANGS_AFTER }, () => {
  for (const [name, call, wrong, good] of FUNCTIONS) {
    it(`are named with their value when they are wrong: ${name}`, async () => {
      for (const [option, values] of Object.entries(wrong))
        for (const [value, begins] of values) {
          const message = await messageOf(call, { ...good, [option]: value });
          assert.equal(message.slice(0, begins.length), begins);
        }
      assert.deepEqual(Object.keys(wrong).sort(), Object.keys(good).sort());
    });

    it(`are refused when nobody knows them: ${name}`, async () => {
      const says = 'maxdownload: there is no such option (its value is 5)';
      assert.equal(await messageOf(call, { ...good, maxdownload: 5 }), says);
      for (const options of [null, 5, 'x', []]) {
        const message = await messageOf(call, options as never);
        assert.match(message, /^(?:options|torrent): .+ is not an object$/);
      }
    });
  }

  it('may be left out, and count as left out when they are undefined', async () => {
    const other = createNodeSession({ bind, port, maxDownload: undefined });
    await new Promise<void>((resolve) => other.stop(resolve));
    const { code } = await download(bytes, { bind, port, dir, useTorrentTrackers, signal: AbortSignal.abort() }).then(
      () => ({ code: 'done' }),
      (error) => error,
    );
    assert.equal(code, 'interrupted');
  });

  it('are not mixed up with a torrent or a link that is no such thing', () => {
    const cases: readonly (readonly [call: () => unknown, begins: string])[] = [
      [() => session.addTorrent(bytes as never, {}, events), 'metainfo: bytes is not what parseMetainfo makes'],
      [() => session.addTorrent(undefined as never, {}, events), 'metainfo: undefined is not'],
      [
        () => session.addMagnet('magnet:?xt=x' as never, {}, events),
        "link: 'magnet:?xt=x' is not what parseLink makes",
      ],
      [() => session.fetchMetadata(metainfo.infoHash as never, {}, events), 'link: bytes is not'],
      [() => session.findPeers(metainfo.infoHash as never, {}, events), 'link: bytes is not'],
    ];
    for (const [call, begins] of cases)
      assert.throws(
        call,
        (error: Error & { code?: string }) => error.code === 'usage' && error.message.startsWith(begins),
      );
  });

  it('leave secrets out of a description unless they are asked for by the right word', () => {
    const torrent = { ...metainfo, trackers: [['https://a.example/0123456789abcdef0123456789abcdef/announce']] };
    const shown = (secrets: string): string => JSON.stringify(describeTorrent(torrent, secrets as never));
    assert.deepEqual(
      ['hidden', 'Whole', 'whole'].map((secrets) => shown(secrets).includes('0123456789abcdef')),
      [false, false, true],
    );
  });

  it('say what others there are', async () => {
    assert.throws(() => createNodeSession({ dir: '.' } as never), {
      message: "dir: there is no such option (its value is '.')",
      hint: /^the options are port, listen, .+, writer$/,
    });
    await assert.rejects(download(bytes, { mode: 'seed' } as never), { code: 'usage', message: /^mode: / });
    await assert.rejects(createTorrent(5 as never), { code: 'usage', message: 'path: 5 is not a path' });
    await assert.rejects(createTorrent([]), { code: 'usage', message: 'path: the list is empty' });
    await assert.rejects(createTorrent(['a', 5] as never), { code: 'usage', message: 'path[1]: 5 is not a path' });
    await assert.rejects(createTorrent(['a', 'b']), { code: 'usage', message: /^name: several paths need one/ });
  });
});

describe('what the library is given besides options', () => {
  const messageOfThrown = (call: () => unknown): string => {
    try {
      call();
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error, String(error));
      assert.equal(error.code, 'usage');
      return error.message;
    }
    return 'it was taken';
  };

  it('may be any array of bytes, and what is of another kind is named', () => {
    assert.deepEqual(parseMetainfo(new Uint8Array(bytes)), metainfo);
    assert.deepEqual(parseMetainfo(Buffer.concat([Buffer.of(1), bytes]).subarray(1)), metainfo);
    const others: readonly (readonly [() => unknown, string])[] = [
      [() => parseMetainfo('data.torrent' as never), "bytes: 'data.torrent' is not the bytes of a .torrent"],
      [() => parseMetainfo(new ArrayBuffer(4) as never), 'bytes: an object is not the bytes of a .torrent'],
      [() => parseMetainfo(undefined as never), 'bytes: undefined is not the bytes of a .torrent'],
      [() => parseLink(new URL('magnet:?x') as never), 'text: an object is not the text of a magnet link'],
      [() => parseLink(null as never), 'text: null is not the text of a magnet link'],
      [() => describeTorrent(bytes as never), 'metainfo: bytes is not what parseMetainfo makes of a .torrent'],
    ];
    for (const [call, begins] of others) assert.equal(messageOfThrown(call).slice(0, begins.length), begins);
  });

  it('must have a function for each event that is not optional, before anything begins', () => {
    const calls: readonly (readonly [(given: never) => unknown, names: readonly string[]])[] = [
      [(given) => session.addTorrent(metainfo, { dir }, given), ['started', 'fileDone', 'done', 'goalReached']],
      [
        (given) => session.addMagnet(link, { dir }, given),
        ['started', 'fileDone', 'done', 'goalReached', 'gotMetadata'],
      ],
      [(given) => session.fetchMetadata(link, {}, given), ['gotMetadata']],
      [(given) => session.findPeers(link, {}, given), ['gotMetadata']],
    ];
    for (const [call, names] of calls) {
      assert.equal(
        messageOfThrown(() => call(undefined as never)),
        'events: undefined is not an object',
      );
      for (const name of [...names, 'trackerAnswered', 'warned', 'failed'])
        assert.equal(
          messageOfThrown(() => call({ ...events, [name]: undefined } as never)),
          `events.${name}: undefined is not a function`,
        );
    }
    const wrong = { ...events, fileReused: 5 } as never;
    assert.equal(
      messageOfThrown(() => session.addTorrent(metainfo, { dir }, wrong)),
      'events.fileReused: 5 is not a function',
    );
  });
});
