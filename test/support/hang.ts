/**
 * A test that takes so long hangs, in milliseconds. It is far beyond what any test needs on the busiest machine: a test
 * that goes on never meets it, so that no test depends on how fast the machine is.
 */
export const HANGS_AFTER = 600_000;
