import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type FileFacts, systemFileOperations } from '../../../../src/disk/system/operations.js';
import { isGroupAlone } from '../../../../src/disk/system/processes.js';
import { type Doubt, doubtAbout, type FileUser, readKept } from '../../../../src/disk/system/trust.js';
import { scratch } from '../../../support/disk/scratch.js';

const [US, ROOT, BOB] = [1000, 0, 1001];
const [OUR_GROUP, MEDIA] = [1000, 50];
const USER: FileUser = { id: US, hasGroupAlone: (group) => group === OUR_GROUP };

const PRIVATE = { mode: 0o600 };

type Facts = Pick<FileFacts, 'mode' | 'owner' | 'group' | 'links'>;
const FILE: Facts = { mode: 0o600, owner: US, group: OUR_GROUP, links: 1 };
const FOLDER: Facts = { mode: 0o755, owner: US, group: OUR_GROUP, links: 2 };

function about(file: Partial<Facts>, folder: Partial<Facts> = {}): Doubt['about'] | null {
  return doubtAbout({ ...FILE, ...file }, { ...FOLDER, ...folder }, USER)?.about ?? null;
}

describe('what an earlier run wrote down', () => {
  it('is believed when our own user or root wrote it, in a folder of either', () => {
    for (const owner of [US, ROOT])
      for (const of of [US, ROOT]) assert.equal(about({ owner }, { owner: of }), null, `${owner} ${of}`);
    assert.equal(about({ mode: 0o644 }, { mode: 0o700 }), null);
  });

  it('is not believed when another user wrote it, wherever it lies', () => {
    for (const mode of [0o755, 0o777, 0o1777, 0o2775])
      for (const owner of [US, ROOT, BOB]) assert.equal(about({ owner: BOB }, { mode, owner }), 'owner');
  });

  it('is not believed when its group or others may write to it, even our own group: an access list shows so', () => {
    for (const mode of [0o620, 0o602, 0o666, 0o660, 0o664]) assert.equal(about({ mode }), 'mode', mode.toString(8));
  });

  it('is not believed under a second name', () => {
    assert.equal(about({ links: 2 }), 'names');
  });

  it('is not believed in a folder of another user, sticky or not', () => {
    for (const mode of [0o755, 0o700, 0o1777])
      assert.equal(about({}, { owner: BOB, mode }), 'folder', mode.toString(8));
  });

  it('is not believed in a folder that others may write to, unless it is sticky or they are a group of our own', () => {
    const [shared, open] = [{ group: MEDIA, mode: 0o2775 }, { mode: 0o777 }];
    assert.equal(about({}, shared), 'folder');
    assert.equal(about({}, open), 'folder');
    assert.equal(about({}, { ...open, owner: ROOT }), 'folder');
    for (const owner of [US, ROOT]) assert.equal(about({}, { owner, mode: 0o1777, group: MEDIA }), null);
    assert.equal(about({}, { ...shared, mode: 0o3775 }), null);
    assert.equal(about({}, { mode: 0o775 }), null);
  });

  it('is believed in a folder of a group of our own only if it is private, since an access list may show so', () => {
    assert.equal(about({ mode: 0o600 }, { mode: 0o775 }), null);
    for (const mode of [0o640, 0o604, 0o644]) assert.equal(about({ mode }, { mode: 0o775 }), 'folder');
  });

  it('is not believed by root either when another user wrote it or owns its folder', () => {
    const root = { ...USER, id: ROOT };
    assert.equal(doubtAbout(FILE, { ...FOLDER, owner: ROOT }, root)?.about, 'owner');
    assert.equal(doubtAbout({ ...FILE, owner: ROOT }, FOLDER, root)?.about, 'folder');
  });

  it('comes with a reason that names the number of the user or the mode', () => {
    const why = (file: Partial<Facts>, folder: Partial<Facts> = {}): string | undefined =>
      doubtAbout({ ...FILE, ...file }, { ...FOLDER, ...folder }, USER)?.why;
    assert.equal(why({ owner: BOB }), 'is of another user (1001)');
    assert.equal(why({ mode: 0o620 }), 'may be written by others (mode 0620)');
    assert.equal(why({ links: 3 }), 'has another name as well');
    assert.equal(why({}, { owner: BOB }), 'lies in a folder of another user (1001)');
    assert.equal(why({}, { mode: 0o777 }), 'lies in a folder that others may write to (mode 0777)');
  });
});

describe('reading what an earlier run wrote down', () => {
  const us: FileUser = { id: process.geteuid?.() ?? 0, hasGroupAlone: () => false };
  const read = (root: string, length = 100, calls = systemFileOperations) => readKept(calls, us, root, 'state', length);

  it('gives the bytes, at most as many as were asked for, and the identity of the file', (t) => {
    const dir = scratch(t);
    assert.equal(read(dir), null);
    assert.equal(read(join(dir, 'none')), null);
    writeFileSync(join(dir, 'state'), 'some bytes', PRIVATE);
    const kept = read(dir, 4);
    assert.equal(kept?.bytes.toString(), 'some');
    assert.equal(kept?.doubt, null);
    assert.deepEqual(kept?.identity, systemFileOperations.identify(join(dir, 'state')));
  });

  it('fails for a link, a folder and a pipe, and does not wait for the pipe', (t) => {
    const dir = scratch(t);
    const path = join(dir, 'state');
    symlinkSync('elsewhere', path);
    assert.throws(() => read(dir), { code: 'cannot-open', message: /symbolic link/ });
    rmSync(path);
    mkdirSync(path);
    assert.throws(() => read(dir), { code: 'cannot-open', message: /a folder/ });
    rmSync(path, { recursive: true });
    if (spawnSync('mkfifo', [path]).status !== 0) return;
    assert.throws(() => read(dir), { code: 'cannot-open', message: /pipe/ });
  });

  it('follows a link to the folder, and judges the folder that the link leads to', (t) => {
    const dir = scratch(t);
    mkdirSync(join(dir, 'real'), 0o700);
    writeFileSync(join(dir, 'real/state'), 'x', PRIVATE);
    symlinkSync('real', join(dir, 'link'));
    assert.equal(read(join(dir, 'link'))?.doubt, null);
    chmodSync(join(dir, 'real'), 0o777);
    assert.equal(read(join(dir, 'link'))?.doubt?.about, 'folder');
  });

  it('sees the second name of a file', (t) => {
    const dir = scratch(t);
    writeFileSync(join(dir, 'precious'), 'x', PRIVATE);
    linkSync(join(dir, 'precious'), join(dir, 'state'));
    assert.equal(read(dir)?.doubt?.about, 'names');
  });

  it('judges the very file that it reads, when another file takes its place after the look at its name', (t) => {
    const dir = scratch(t);
    const path = join(dir, 'state');
    const swapped = (put: () => void) => {
      writeFileSync(path, 'ours');
      return read(dir, 100, {
        ...systemFileOperations,
        open: (name, access, follow) => {
          rmSync(path);
          put();
          return systemFileOperations.open(name, access, follow);
        },
      });
    };
    const forged = join(dir, 'forged');
    writeFileSync(forged, 'forged', PRIVATE);
    linkSync(forged, join(dir, 'other'));
    const kept = swapped(() => renameSync(forged, path));
    assert.deepEqual([kept?.bytes.toString(), kept?.doubt?.about], ['forged', 'names']);
    assert.throws(() => swapped(() => symlinkSync('other', path)), { code: 'cannot-open' });
    rmSync(path, { force: true });
    assert.equal(
      swapped(() => undefined),
      null,
    );
    if (spawnSync('mkfifo', [join(dir, 'pipe')]).status !== 0) return;
    assert.throws(() => swapped(() => renameSync(join(dir, 'pipe'), path)), { code: 'cannot-open', message: /pipe/ });
  });
});

describe('a group', () => {
  const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:\nbob:x:1001:1001::/home/bob:\n';
  const isAlone = (group: number, passwd: string, groups: string): boolean => isGroupAlone(US, group, passwd, groups);

  it("is a user's own when it is no other user's first group and has no other member", () => {
    assert.equal(isAlone(1000, PASSWD, 'root:x:0:\nann:x:1000:\n'), true);
    assert.equal(isAlone(1000, PASSWD, 'ann:x:1000:ann\n'), true);
    assert.equal(isAlone(1000, PASSWD, 'ann:x:1000:root\n'), true);
    assert.equal(isAlone(1000, PASSWD, 'ann:x:1000:ann,bob\n'), false);
    assert.equal(isAlone(1000, PASSWD, 'ann:x:1000:\nsecond:x:1000:bob\n'), false);
    assert.equal(isAlone(1000, `${PASSWD}eve:x:1002:1000::/:\n`, 'ann:x:1000:\n'), false);
  });

  it('counts as shared when the tables do not know it, the user or a member, or are not complete', () => {
    assert.equal(isAlone(50, PASSWD, 'media:x:50:ann\n'), false);
    assert.equal(isAlone(1000, PASSWD, ''), false);
    assert.equal(isAlone(1000, '', 'ann:x:1000:\n'), false);
    assert.equal(isAlone(1000, PASSWD, 'ann:x:1000:somebody\n'), false);
    assert.equal(isAlone(1000, `${PASSWD}+::::::\n`, 'ann:x:1000:\n'), false);
    assert.equal(isAlone(1000, PASSWD, 'ann:x:1000:\n+:::\n'), false);
  });
});
