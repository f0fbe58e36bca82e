/** For commands that hash everything they are given: a disk whose workers start while the command loads. */
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS, type FileDisk } from '../../disk/files/file-disk.js';
import type { CliCommand } from './command.js';

/** The command gets the disk when it runs; it is closed when the command has ended, whichever way. */
export function withHashingDisk(load: () => Promise<(disk: FileDisk) => CliCommand>): CliCommand {
  return {
    run: async (argv, io) => {
      const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: io.timers });
      // Both take some 50 ms, on cores of their own.
      if (!asksForHelp(argv)) disk.startHashing();
      try {
        return await (await load())(disk).run(argv, io);
      } finally {
        await new Promise<void>((closed) => disk.close(closed));
      }
    },
  };
}

function asksForHelp(argv: readonly string[]): boolean {
  return argv.includes('--help') || argv.includes('-h');
}
