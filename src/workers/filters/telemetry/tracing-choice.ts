// How a workload's requests are traced in one mode. Worker threads, pure.
// https://istio.io/latest/docs/reference/config/telemetry/#Tracing
import type {
  Telemetry_Tracing_CustomTag as CustomTag,
  Telemetry_Tracing as Tracing,
} from "../../../shared/gen/istio.js";
import { type Mode, modesOf } from "./modes.ts";
import { namesOf } from "./providers.ts";

/** What is in force; undefined where nobody says it. */
export interface TracingChoice {
  readonly provider: string | undefined;
  readonly disabled: boolean;
  /** Percent. */
  readonly sampling: number | undefined;
  readonly customTags: Readonly<Record<string, CustomTag>>;
  readonly useRequestId: boolean;
  readonly istioTags: boolean;
  readonly propagateContext: boolean;
}

/**
 * Each field by itself from the last entry for the mode that has it: `entries` are those of all Telemetries, the closest to
 * the workload last. Of several providers the first one counts. Undefined where neither the mesh's defaults nor any
 * Telemetry is about tracing: the proxy's own settings count then.
 */
export function tracingChoice(
  entries: readonly Tracing[],
  defaults: readonly string[],
  mode: Mode,
): TracingChoice | undefined {
  if (entries.length === 0 && defaults.length === 0) return undefined;
  const own = entries.filter(({ match }) => modesOf(match?.mode).includes(mode));
  const last = <T>(field: (entry: Tracing) => T | undefined): T | undefined =>
    own.map(field).findLast((value) => value !== undefined);
  return {
    provider: last((entry) => namesOf(entry)[0]) ?? defaults[0],
    disabled: last((entry) => entry.disableSpanReporting) ?? false,
    sampling: last((entry) => entry.randomSamplingPercentage),
    customTags: last(({ customTags }) => (Object.keys(customTags ?? {}).length > 0 ? customTags : undefined)) ?? {},
    useRequestId: last((entry) => entry.useRequestIdForTraceSampling) ?? true,
    istioTags: last((entry) => entry.enableIstioTags) ?? true,
    propagateContext: !last((entry) => entry.disableContextPropagation),
  };
}
