import { ask, diskFolder, slotOf } from '../support/file-disk.js';
import { describeStorage } from '../support/storage-contract.js';

describeStorage('files', (torrent) => {
  const folder = diskFolder();
  return { storage: folder.open(torrent), slotOf, answer: ask, end: () => folder.end() };
});
