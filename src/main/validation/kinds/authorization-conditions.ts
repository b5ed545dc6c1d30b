// The keys that conditions of AuthorizationPolicies may name, and the values that each one takes. Main thread.
import { isIpOrRange } from "../common/addresses.ts";
import { reportText } from "../report.ts";

type ValueProblem = (value: string) => string | undefined;

const range: ValueProblem = (value) => {
  if (isIpOrRange(value)) return undefined;
  return `bad ${value.includes("/") ? "CIDR range" : "IP address"} (${value})`;
};

const port: ValueProblem = (value) => {
  if (!/^\d+$/.test(value))
    return `bad port (${value}): strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`;
  const inRange = Number(value) >= 1 && Number(value) <= 65535;
  return inRange ? undefined : `bad port (${value}): port number ${value} must be in the range 1..65535`;
};

const anything: ValueProblem = () => undefined;

const EXACT: Readonly<Record<string, ValueProblem>> = {
  "source.ip": range,
  "remote.ip": range,
  "source.namespace": anything,
  "source.principal": anything,
  "source.serviceAccount": anything,
  "source.trustDomain": anything,
  "request.auth.principal": anything,
  "request.auth.audiences": anything,
  "request.auth.presenter": anything,
  "destination.ip": range,
  "destination.port": port,
  "connection.sni": anything,
};

/** Keys with a name in brackets. */
const NAMED = ["request.headers", "request.auth.claims", "experimental.envoy.filters."];

/** What is wrong with a condition. */
export function conditionProblems(
  key: string,
  values: readonly string[],
  notValues: readonly string[],
): readonly string[] {
  const check = checkOf(key);
  return [
    ["value", values],
    ["notValue", notValues],
  ].flatMap(([name, list]) => {
    const prefix = `invalid \`${String(name)}\` for \`key\` ${key}: `;
    // istiod says this of both lists, even of an empty one.
    if (typeof check === "string") return [prefix + check];
    const problems = (list as readonly string[]).flatMap((value) => check(value) ?? []);
    return problems.length === 0 ? [] : [prefix + reportText(problems, true)];
  });
}

function checkOf(key: string): ValueProblem | string {
  if (Object.hasOwn(EXACT, key)) return EXACT[key]!;
  const family = NAMED.find((name) => key.startsWith(name));
  if (family === undefined) return `unknown attribute: ${key}`;
  if (/^[^[\]]+(\[[^[\]]+\])+$/.test(key)) return anything;
  // Filters of Envoy are named without brackets where their whole metadata is meant.
  return family.startsWith("experimental") ? anything : `bad key (${key}): a name in brackets is expected`;
}

/** Whether a condition looks at an HTTP request. */
export function isHttpCondition(key: string): boolean {
  return key.startsWith("request.") || key === "remote.ip";
}
