/**
 * Milliseconds after which a test counts as hung. No test needs nearly as long, even on a very busy machine, so no test
 * depends on the speed of the machine.
 */
export const HANGS_AFTER = 600_000;
