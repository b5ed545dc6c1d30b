// Access logs of listeners and of what ends their chains: as Telemetry says, else as the mesh's settings do. Worker threads.
// https://istio.io/latest/docs/tasks/observability/logs/telemetry-api/
import { envoy } from "../../../shared/gen/envoy.js";
import type { Dependency, PushContext } from "../../context/push-context.ts";
import { any } from "../../encode/values.ts";
import type { Workload } from "../../scope/workload-policies.ts";
import { type WorkloadTelemetry, workloadTelemetry } from "../../scope/workload-telemetry.ts";
import { chosenLogs } from "./chosen-logs.ts";
import { meshFileLog, providerLog } from "./log-providers.ts";
import { type AccessLog, bootstrapServiceLog, type LoggedKind } from "./log-services.ts";
import { type Direction, type Mode, modeOf } from "./modes.ts";
import { findProvider, problemOf, type TelemetryProblem, UNKNOWN } from "./providers.ts";

type Filter = envoy.config.accesslog.v3.IAccessLogFilter;

const { ExpressionFilter } = envoy.extensions.access_loggers.filters.cel.v3;

/** What providers mean for the logs of a mode. */
interface ProviderLogs {
  /** False where no provider was found: the mesh's own settings count then. */
  readonly found: boolean;
  readonly logs: readonly FilteredLog[];
  readonly problems: readonly TelemetryProblem[];
}

interface FilteredLog {
  readonly log: AccessLog;
  readonly filter: Filter | undefined;
}

const DEPENDENCIES: readonly Dependency[] = ["Telemetry", "mesh", "services"];

const NO_PROVIDERS: ProviderLogs = { found: false, logs: [], problems: [] };

/** Access logs of a TCP proxy or connection manager. */
export function accessLogs(
  ctx: PushContext,
  workload: Workload,
  direction: Direction,
  kind: "tcp" | "http",
): readonly AccessLog[] {
  const { found, logs } = providerLogs(ctx, workload, modeOf(direction));
  if (!found) return meshLogs(ctx, kind);
  return logs.map(({ log, filter }) => (filter ? { ...log, filter } : log));
}

/** Access logs of a listener: connections that no filter chain took. */
export function listenerAccessLogs(ctx: PushContext, workload: Workload, direction: Direction): AccessLog[] {
  if (ctx.mesh.mesh.disableEnvoyListenerLog) return [];
  const untaken: Filter = { responseFlagFilter: { flags: ["NR"] } };
  const { found, logs } = providerLogs(ctx, workload, modeOf(direction));
  if (!found) return meshLogs(ctx, "listener").map((log) => ({ ...log, filter: untaken }));
  return logs.map(({ log, filter }) => ({
    ...log,
    filter: filter ? { andFilter: { filters: [untaken, filter] } } : untaken,
  }));
}

/** What of the logs of a mode can't be done as configured. */
export function accessLogProblems(ctx: PushContext, workload: Workload, mode: Mode): readonly TelemetryProblem[] {
  return providerLogs(ctx, workload, mode).problems;
}

function providerLogs(ctx: PushContext, workload: Workload, mode: Mode): ProviderLogs {
  const telemetry = workloadTelemetry(ctx, workload);
  const defaults = ctx.mesh.mesh.defaultProviders?.accessLogging ?? [];
  if (defaults.length === 0 && telemetry.objects.length === 0) return NO_PROVIDERS;
  return ctx.derive(`provider-logs/${mode}|${telemetry.key}`, DEPENDENCIES, () =>
    buildLogs(ctx, telemetry, defaults, mode),
  );
}

function buildLogs(
  ctx: PushContext,
  telemetry: WorkloadTelemetry,
  defaults: readonly string[],
  mode: Mode,
): ProviderLogs {
  const levels = telemetry.objects.flatMap(({ spec }) => (spec.accessLogging?.length ? [spec.accessLogging] : []));
  const logs: FilteredLog[] = [];
  const problems: TelemetryProblem[] = [...uselessFilters(telemetry)];
  let found = false;
  for (const [name, { disabled, filter }] of [...chosenLogs(levels, defaults, mode)].sort(byName)) {
    const provider = findProvider(ctx, name);
    const log = provider ? providerLog(ctx, provider) : { problem: UNKNOWN };
    if ("problem" in log) {
      if (!disabled) problems.push(problemOf(telemetry, "accessLogging", name, log.problem));
      continue;
    }
    found = true;
    if (!disabled) logs.push({ log, filter: filter === undefined ? undefined : celFilter(filter) });
  }
  return { found, logs, problems };
}

/** As in Istio, a filter is for the providers that its own entry names, and for no inherited ones. */
function uselessFilters({ objects }: WorkloadTelemetry): TelemetryProblem[] {
  return objects.flatMap(({ meta, spec }) =>
    (spec.accessLogging ?? []).some((entry) => entry.filter && !entry.providers?.length)
      ? [
          {
            object: `Telemetry/${meta.namespace}/${meta.name}`,
            reason: "accessLogging: a filter counts only where its entry names providers",
          },
        ]
      : [],
  );
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function celFilter(expression: string): Filter {
  const type = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter";
  const typedConfig = any(type, ExpressionFilter, { expression });
  return { extensionFilter: { name: "envoy.access_loggers.extension_filters.cel", typedConfig } };
}

/** Logs that the mesh's settings ask for: into a file, and to the service of the proxies' bootstrap. */
function meshLogs(ctx: PushContext, kind: LoggedKind): readonly AccessLog[] {
  return ctx.derive(`mesh-logs/${kind}`, ["mesh"], () => {
    const { accessLogFile, enableEnvoyAccessLogService } = ctx.mesh.mesh;
    return [
      ...(accessLogFile ? [meshFileLog(ctx.mesh.mesh, accessLogFile)] : []),
      ...(enableEnvoyAccessLogService ? [bootstrapServiceLog(kind)] : []),
    ];
  });
}
