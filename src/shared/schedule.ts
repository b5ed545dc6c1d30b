// Work for later, without saying which clock. Types only; any thread.

/** Runs something after some milliseconds; gives what takes it back. */
export type Schedule = (ms: number, run: () => void) => () => void;
