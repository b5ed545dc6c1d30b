// Log scopes with their own levels, as istiod's --log_output_level sets them. Main thread.
import pino from "pino";

export type LogLevel = "none" | "error" | "warn" | "info" | "debug";

/** The scopes that exist; a level for an unknown one is an error that lists these. */
export const LOG_SCOPES = [
  "default",
  "ads",
  "admin",
  "config",
  "debounce",
  "file",
  "model",
  "pool",
  "push",
  "registry",
  "validation",
] as const;

export type LogScope = (typeof LOG_SCOPES)[number];

export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

export interface LogOptions {
  /** Level of scopes that have none of their own. */
  readonly defaultLevel: LogLevel;
  readonly levels: ReadonlyMap<LogScope, LogLevel>;
  /** One JSON object a line, as istiod's --log_as_json; else a line of text. */
  readonly json: boolean;
  /** Where lines go; standard output when absent. */
  readonly write?: (line: string) => void;
}

/** Gives each scope its logger. Made once, in main.ts, and handed to whoever logs. */
export type Logging = (scope: LogScope) => Logger;

const PINO_LEVEL: Record<LogLevel, string> = {
  none: "silent",
  error: "error",
  warn: "warn",
  info: "info",
  debug: "debug",
};

/** Builds the scopes' loggers. */
export function createLogging(options: LogOptions): Logging {
  const write = options.write ?? linesTo(process.stdout);
  const stream = { write: options.json ? write : (line: string) => write(toText(line)) };
  const root = pino(
    {
      level: "debug",
      base: null,
      messageKey: "msg",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const loggers = new Map<LogScope, Logger>();
  return (scope) => {
    let logger = loggers.get(scope);
    if (!logger) {
      const level = options.levels.get(scope) ?? options.defaultLevel;
      logger = root.child({ scope }, { level: PINO_LEVEL[level] });
      loggers.set(scope, logger);
    }
    return logger;
  };
}

/**
 * The lines of one turn of the event loop are written together: a thousand proxies that connect at once have a line each, and
 * each write is a call of the system. None is lost at exit, nor by an error that nobody catches.
 */
function linesTo(stream: NodeJS.WriteStream): (line: string) => void {
  let lines = "";
  const flush = (): void => {
    const text = lines;
    lines = "";
    if (text !== "") stream.write(text);
  };
  process.on("exit", flush);
  return (line) => {
    if (lines === "") setImmediate(flush);
    lines += line;
  };
}

/** istiod's text form: time, level, scope, message, then the fields, separated by tabs. */
function toText(line: string): string {
  const { level, time, scope, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([k, v]) => `${k}=${typeof v === "string" ? v : JSON.stringify(v)}`);
  return `${[time, level, scope, msg, ...rest].join("\t")}\n`;
}
