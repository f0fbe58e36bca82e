import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import { exitCodeOf, failureCode, failureMessage } from '../../../src/cli/exit-code.js';
import { nextStep } from '../../../src/cli/output/sentences.js';

const withCode = (code: string, message = code, syscall = 'open'): Error =>
  Object.assign(new Error(message), { code, syscall });

test('an error that shows what the machine lacks is no bug, and its message says what to raise', () => {
  const told = [
    withCode('EMFILE'),
    withCode('ENFILE'),
    withCode('ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EMFILE'),
    withCode('ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EAGAIN'),
    Object.assign(withCode('ERR_SYSTEM_ERROR', 'Unknown system error 24'), { errno: constants.errno.EMFILE }),
    withCode('ERR_WORKER_OUT_OF_MEMORY'),
    new RangeError('Array buffer allocation failed'),
    withCode('ENOENT', 'ENOENT: no such file or directory, uv_cwd', 'uv_cwd'),
    withCode('ERANGE', 'ERANGE: result too large, uv_cwd', 'uv_cwd'),
  ].map((error) => [exitCodeOf(error), failureMessage(error)]);
  const files = 'too few files may be open at once (EMFILE); raise the limit with ulimit -n';
  const memory = 'raise the limit with ulimit -v, or end other programs';
  assert.deepEqual(told, [
    [16, files],
    [16, 'too many files are open on this machine (ENFILE); end other programs'],
    [16, files],
    [1, 'no process or thread can be started (EAGAIN); raise the limit with ulimit -u'],
    [16, files],
    [1, `there is too little memory (ERR_WORKER_OUT_OF_MEMORY); ${memory}`],
    [1, `there is too little memory (Array buffer allocation failed); ${memory}`],
    [16, 'the current folder has been removed; change to another one'],
    [16, 'the current folder has too long a path; change to another one'],
  ]);
});

test('what cannot be opened because too many files are open says so instead, with what to do', () => {
  const failure = (cause: string) => new BtgetError('cannot-open', 'cannot open x', { cause: withCode(cause) });
  assert.deepEqual([failure('EMFILE'), failure('ENFILE'), failure('EACCES'), withCode('EMFILE')].map(nextStep), [
    null,
    null,
    'check the permissions, or choose another folder with -d',
    null,
  ]);
  assert.equal(
    nextStep(new BtgetError('cannot-open', 'cannot open box: it is not a folder')),
    '-o or -d saves elsewhere',
  );
  const long = new BtgetError('io', 'cannot write x', { cause: withCode('EFBIG') });
  assert.match(nextStep(long) ?? '', /^the file system, or ulimit -f, allows no file of this length/);
  const port = new BtgetError('network', 'cannot listen', { cause: 'EMFILE' });
  const said = [failure('EMFILE'), failure('ENFILE'), port, failure('EACCES')].map(
    (each) => `${exitCodeOf(each)} ${failureCode(each)} ${failureMessage(each)}`,
  );
  assert.deepEqual(said, [
    '16 cannot-open too few files may be open at once (EMFILE); raise the limit with ulimit -n',
    '16 cannot-open too many files are open on this machine (ENFILE); end other programs',
    '16 cannot-open too few files may be open at once (EMFILE); raise the limit with ulimit -n',
    '16 cannot-open cannot open x',
  ]);
});

test('any other exception is a bug, and a BtgetError keeps its code', () => {
  for (const error of [new Error('x'), withCode('ENOENT'), new TypeError('EMFILE'), 'EMFILE', null])
    assert.deepEqual([exitCodeOf(error), failureCode(error)], [70, 'bug']);
  assert.equal(exitCodeOf(new BtgetError('io', 'x', { cause: withCode('EMFILE') })), 17);
});
