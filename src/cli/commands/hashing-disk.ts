/** For commands that hash all of their input: a disk whose workers start while the command's modules load. */
import { createFileDisk, DEFAULT_FILE_DISK_OPTIONS, type FileDisk } from '../../disk/files/file-disk.js';
import type { CliCommand } from './command.js';

/** The command gets the disk when it runs. The disk is closed when the command has ended, with or without a failure. */
export function withHashingDisk(load: () => Promise<(disk: FileDisk) => CliCommand>): CliCommand {
  return {
    run: async (argv, io) => {
      const disk = createFileDisk({ ...DEFAULT_FILE_DISK_OPTIONS, timers: io.timers });
      // The start of the workers and the loading of the command take some 50 ms each, on different cores.
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
