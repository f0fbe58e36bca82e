/** What this machine gives a download: room on the disk, and descriptors. */
import { access, constants, lstat, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCode } from '../../base/failure.js';
import { formatCount, formatSize } from '../output/format.js';
import { type Finding, failed, fine, skipped, warning } from './finding.js';

/** `dir`: where the content goes. `needed`: bytes of the content, or null when they are not known. */
export async function checkDisk(dir: string, needed: number | null): Promise<Finding> {
  let folder = resolve(dir);
  for (;;) {
    try {
      if (!(await stat(folder)).isDirectory()) return unfit(`${folder} is no folder`);
      await access(folder, constants.W_OK | constants.X_OK);
      break;
    } catch (error) {
      const code = systemCode(error) ?? String(error);
      if (code !== 'ENOENT' || dirname(folder) === folder) return unfit(`cannot write in ${folder}: ${code}`);
      if (await isLink(folder)) return unfit(`${folder} is a link that leads nowhere`);
      // A download makes the missing folders, in the first folder above them that exists.
      folder = dirname(folder);
    }
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const message = `${formatSize(free)} free in ${dir}`;
  if (needed === null) return fine('disk', message);
  if (needed > free)
    return failed(
      'disk',
      `${message}, the source holds ${formatSize(needed)}`,
      '--select fewer files, or use --dir',
      'disk-full',
    );
  return fine('disk', `${message}, the source holds ${formatSize(needed)}`);
}

function unfit(message: string): Finding {
  return failed('disk', message, 'choose another folder with --dir', 'cannot-open');
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

/** For the pool of open files, a connection for each peer, and what every process has open. */
const ENOUGH_DESCRIPTORS = 512;

/** `limits`: the path of the file in which Linux tells a process its limits. Other systems have no such file. */
export async function checkDescriptors(limits = '/proc/self/limits'): Promise<Finding> {
  let text: string;
  try {
    text = await readFile(limits, 'utf8');
  } catch {
    return skipped('descriptors', 'this system does not tell how many files may be open');
  }
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  const count = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  if (Number.isNaN(count)) return skipped('descriptors', 'this system does not tell how many files may be open');
  const message = `${Number.isFinite(count) ? formatCount(count, 'file') : 'any number of files'} may be open`;
  return count >= ENOUGH_DESCRIPTORS
    ? fine('descriptors', message)
    : warning('descriptors', message, `ulimit -n ${ENOUGH_DESCRIPTORS} or more, or fewer --max-peers`);
}
