// Errors that cross threads, metrics and docs by a stable code; the message text may change. Any thread.

export type ErrorCode =
  /** A bug of ours: a state that must not exist. */
  | "MIZZEN_ERR_INVARIANT"
  /** Flags, environment or mesh configuration that cannot be used; the process exits with status 2. */
  | "MIZZEN_ERR_OPTIONS"
  /** A configuration object or document that was rejected; everything else goes on. */
  | "MIZZEN_ERR_CONFIG_REJECTED"
  /** A worker was asked about a snapshot version it does not hold any more. */
  | "MIZZEN_ERR_SNAPSHOT_GONE"
  /** A segment was written by another layout revision. */
  | "MIZZEN_ERR_LAYOUT"
  /** Generating one resource set failed; the proxy keeps what it has. */
  | "MIZZEN_ERR_GENERATE"
  /** A worker thread died or was stopped with a task in hand. */
  | "MIZZEN_ERR_WORKER_LOST"
  /** A proxy's node cannot be understood. */
  | "MIZZEN_ERR_NODE"
  /** A proxy's request breaks the xDS protocol. */
  | "MIZZEN_ERR_PROTOCOL"
  /** A proxy's request is longer than `ISTIO_GPRC_MAXRECVMSGSIZE`. */
  | "MIZZEN_ERR_TOO_LARGE"
  /** The server is shutting down. */
  | "MIZZEN_ERR_DRAINING";

/** The only error class; `code` says what happened, `cause` keeps the origin. */
export class MizzenError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "MizzenError";
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a MizzenError, or `fallback` for any other thrown value. */
export function errorCode(error: unknown, fallback: ErrorCode): ErrorCode {
  return error instanceof MizzenError ? error.code : fallback;
}
