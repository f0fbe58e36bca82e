import { describeStorage } from '../support/contract/storage-contract.js';
import { ask, diskFolder, slotOf } from '../support/disk/file-disk.js';

describeStorage('files', (torrent) => {
  const folder = diskFolder();
  return { storage: folder.open(torrent), slotOf, answer: ask, end: () => folder.end() };
});
