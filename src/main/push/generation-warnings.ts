// Says once what generators had to leave out. Main thread.
import type { GenerationWarning } from "../../shared/protocol/output.ts";
import type { Logger } from "../telemetry/log.ts";

/** Warnings that are remembered, so that each is logged once and not for each proxy and push. */
const MAX_REMEMBERED = 1_000;

/** Gives what logs warnings that it hasn't logged lately. */
export function warnOnce(log: Logger): (warnings: readonly GenerationWarning[]) => void {
  const known = new Set<string>();
  return (warnings) => {
    for (const { object, reason } of warnings) {
      const text = `${object} ${reason}`;
      if (known.has(text)) continue;
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.add(text);
      log.warn({ object, reason }, "left out of what is generated");
    }
  };
}
