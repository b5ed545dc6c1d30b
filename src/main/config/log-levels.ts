// The value of --log_output_level. Main thread.
import { LOG_SCOPES, type LogLevel, type LogScope } from "../telemetry/log.ts";

export interface LogLevels {
  readonly defaultLevel: LogLevel;
  readonly levels: ReadonlyMap<LogScope, LogLevel>;
  readonly problems: readonly string[];
}

const LEVELS: Readonly<Record<string, LogLevel>> = {
  none: "none",
  // Nothing is logged as fatal here: what is would be an error.
  fatal: "error",
  error: "error",
  warn: "warn",
  info: "info",
  debug: "debug",
};

/** Parses `level` and `scope:level` items; `default` and `all` name every scope that has no level of its own. */
export function parseLogLevels(text: string): LogLevels {
  const problems: string[] = [];
  const levels = new Map<LogScope, LogLevel>();
  let defaultLevel: LogLevel = "info";
  for (const item of text.split(",")) {
    if (item.trim() === "") continue;
    const [first = "", second] = item.trim().split(":");
    const scope = second === undefined ? "default" : first;
    const level = Object.hasOwn(LEVELS, second ?? first) ? LEVELS[second ?? first] : undefined;
    if (level === undefined) {
      problems.push(
        `--log_output_level: ${JSON.stringify(second ?? first)} is not one of ${Object.keys(LEVELS).join(", ")}`,
      );
    } else if (scope === "default" || scope === "all") {
      defaultLevel = level;
      levels.set("default", level);
    } else if ((LOG_SCOPES as readonly string[]).includes(scope)) {
      levels.set(scope as LogScope, level);
    } else {
      problems.push(`--log_output_level: ${JSON.stringify(scope)} is not one of the scopes ${LOG_SCOPES.join(", ")}`);
    }
  }
  return { defaultLevel, levels, problems };
}
