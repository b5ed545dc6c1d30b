// Rules of AuthorizationPolicy. Main thread.
import type {
  Security_AuthorizationPolicy,
  Security_Operation,
  Security_Rule,
  Security_Source,
} from "../../../shared/gen/istio.js";
import { parseGoBool } from "../../config/go-syntax.ts";
import { isIpOrRange } from "../common/addresses.ts";
import { checkPolicySelector, checkTargets } from "../common/labels.ts";
import { newReport, type Report, reject, warn } from "../report.ts";
import type { RuleInput } from "../rules.ts";
import { conditionProblems, isHttpCondition } from "./authorization-conditions.ts";

/** Asks for a policy that only counts what it would do. */
const DRY_RUN = "istio.io/dry-run";

export function checkAuthorizationPolicy({ spec, meta }: RuleInput, report: Report): void {
  const policy = spec as Security_AuthorizationPolicy;
  const action = policy.action ?? "ALLOW";
  const dryRun = meta.annotations[DRY_RUN];
  if (dryRun !== undefined) {
    const field = `metadata.annotations["${DRY_RUN}"]`;
    const name = `${meta.namespace}/${meta.name}`;
    if (action !== "ALLOW" && action !== "DENY") {
      const reason = `the annotation ${DRY_RUN} currently only supports action ALLOW/DENY, found action ${action} in ${name}`;
      reject(report, field, reason);
    } else if (parseGoBool(dryRun) === undefined) {
      const cause = `strconv.ParseBool: parsing ${JSON.stringify(dryRun)}: invalid syntax`;
      reject(report, field, `${name} has annotation ${DRY_RUN} with invalid value (${dryRun}): ${cause}`);
    }
  }
  if (report.errors.length > 0) return;
  // What follows names the policy in each message.
  const found = newReport();
  checkPolicySelector(found, "spec.selector", policy.selector);
  checkTargets(found, policy);
  checkProvider(found, policy, action);
  for (const [i, rule] of (policy.rules ?? []).entries()) checkRule(found, rule, i, action);
  for (const { field, reason } of found.errors) {
    reject(report, field, `invalid policy ${meta.name}.${meta.namespace}: ${reason}`);
  }
  report.warnings.push(...found.warnings);
}

function checkProvider(report: Report, policy: Security_AuthorizationPolicy, action: string): void {
  if (action === "CUSTOM") {
    if ((policy.rules ?? []).length === 0) reject(report, "spec.rules", "CUSTOM action without `rules` is meaningless");
    if (!policy.provider?.name) reject(report, "spec.provider.name", "`provider.name` must not be empty");
  } else if (policy.provider) {
    reject(report, "spec.provider", `\`provider\` must not be with non CUSTOM action, found ${action}`);
  }
}

function checkRule(report: Report, rule: Security_Rule, index: number, action: string): void {
  const field = `spec.rules[${index}]`;
  const at = `found at rule ${index}`;
  if (rule.from && rule.from.length === 0) reject(report, `${field}.from`, `\`from\` must not be empty, ${at}`);
  for (const [i, { source }] of (rule.from ?? []).entries()) {
    const path = `${field}.from[${i}].source`;
    if (!source) reject(report, path, `\`from.source\` must not be nil, ${at}`);
    else checkSource(report, path, source, at);
    if (action === "CUSTOM" && source && isHttpOnlySource(source)) {
      // Who a request is from is known only after the provider was asked.
      const reason = "From(requestPrincipals, notRequestPrincipals) is currently not supported with CUSTOM action";
      reject(report, path, reason);
    }
  }
  if (rule.to && rule.to.length === 0) reject(report, `${field}.to`, `\`to\` must not be empty, ${at}`);
  for (const [i, { operation }] of (rule.to ?? []).entries()) {
    const path = `${field}.to[${i}].operation`;
    if (!operation) reject(report, path, `\`to.operation\` must not be nil, ${at}`);
    else checkOperation(report, path, operation, at);
  }
  for (const [i, condition] of (rule.when ?? []).entries()) {
    const path = `${field}.when[${i}]`;
    const { key = "", values = [], notValues = [] } = condition;
    if (key === "") {
      reject(report, `${path}.key`, "`key` must not be empty");
      continue;
    }
    if (values.length + notValues.length === 0) {
      reject(report, path, `at least one of \`values\` or \`notValues\` must be set for key ${key}, ${at}`);
    }
    for (const problem of conditionProblems(key, values, notValues)) {
      reject(report, path, problem);
    }
    if (action === "CUSTOM" && key.startsWith("request.auth.")) {
      reject(report, `${path}.key`, `when key ${key} is currently not supported with CUSTOM action`);
    }
  }
  if (action === "DENY" && deniesAllTcp(rule)) {
    warn(
      report,
      "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP attributes in a DENY rule; it is recommended to explicitly specify the port",
    );
  }
}

const SOURCE_LISTS = [
  "principals",
  "requestPrincipals",
  "namespaces",
  "ipBlocks",
  "remoteIpBlocks",
  "serviceAccounts",
  "trustDomains",
  "notPrincipals",
  "notRequestPrincipals",
  "notNamespaces",
  "notIpBlocks",
  "notRemoteIpBlocks",
  "notServiceAccounts",
  "notTrustDomains",
] as const;

function checkSource(report: Report, field: string, source: Security_Source, at: string): void {
  const filled = SOURCE_LISTS.filter((list) => (source[list] ?? []).length > 0);
  if (filled.length === 0) {
    reject(report, field, `\`from.source\` must not be empty, ${at}`);
    return;
  }
  const has = (list: (typeof SOURCE_LISTS)[number]): boolean => filled.includes(list);
  const accounts = has("serviceAccounts") || has("notServiceAccounts");
  if (accounts && (has("namespaces") || has("notNamespaces") || has("principals") || has("notPrincipals"))) {
    reject(report, field, `cannot set serviceAccounts with namespaces or principals, ${at}`);
  }
  for (const list of filled) {
    if (/IpBlocks$|^ipBlocks$/.test(list)) checkRanges(report, `${field}.${list}`, source[list]!);
    if (/serviceAccounts$/i.test(list)) checkServiceAccounts(report, `${field}.${list}`, source[list]!);
  }
  for (const list of filled) checkNoEmpty(report, `${field}.${list}`, list, source[list]!);
}

function checkServiceAccounts(report: Report, field: string, accounts: readonly string[]): void {
  for (const [i, account] of accounts.entries()) {
    if (account === "") continue;
    if (account.includes("*"))
      reject(report, `${field}[${i}]`, `wildcard is not supported in serviceAccounts: ${account}`);
    else if (account.split("/").length > 2) {
      reject(report, `${field}[${i}]`, `service account ${account} is not of the form namespace/name`);
    }
  }
}

function checkRanges(report: Report, field: string, ranges: readonly string[]): void {
  for (const [i, range] of ranges.entries()) {
    if (isIpOrRange(range)) continue;
    reject(report, `${field}[${i}]`, `bad ${range.includes("/") ? "CIDR range" : "IP address"} (${range})`);
  }
}

/** `name` is that of the list; messages have it with a capital. */
function checkNoEmpty(report: Report, field: string, name: string, values: readonly string[]): void {
  if (!values.includes("")) return;
  reject(report, field, `empty value not allowed, found in ${name.charAt(0).toUpperCase()}${name.slice(1)}`);
}

const OPERATION_LISTS = [
  "ports",
  "methods",
  "hosts",
  "paths",
  "notPorts",
  "notMethods",
  "notHosts",
  "notPaths",
] as const;

function checkOperation(report: Report, field: string, operation: Security_Operation, at: string): void {
  const filled = OPERATION_LISTS.filter((list) => (operation[list] ?? []).length > 0);
  if (filled.length === 0) {
    reject(report, field, `\`to.operation\` must not be empty, ${at}`);
    return;
  }
  for (const list of ["ports", "notPorts"] as const) checkPorts(report, `${field}.${list}`, operation[list] ?? []);
  for (const list of ["paths", "notPaths"] as const) checkPaths(report, `${field}.${list}`, operation[list] ?? []);
  for (const list of filled) checkNoEmpty(report, `${field}.${list}`, list, operation[list]!);
}

function checkPorts(report: Report, field: string, ports: readonly string[]): void {
  for (const [i, port] of ports.entries()) {
    const path = `${field}[${i}]`;
    if (!/^\d+$/.test(port)) {
      reject(report, path, `bad port (${port}): strconv.ParseUint: parsing ${JSON.stringify(port)}: invalid syntax`);
    } else if (Number(port) < 1 || Number(port) > 65535) {
      reject(report, path, `bad port (${port}): port number ${port} must be in the range 1..65535`);
    }
  }
}

/** Paths may be templates: `{*}` for one segment, `{**}` for the rest, at the end. */
function checkPaths(report: Report, field: string, paths: readonly string[]): void {
  for (const [i, path] of paths.entries()) {
    if (!path.includes("{") && !path.includes("}")) continue;
    const segments = path.split("/");
    const bad = segments.find((segment) => /[{}]/.test(segment) && segment !== "{*}" && segment !== "{**}");
    if (bad !== undefined) {
      reject(report, `${field}[${i}]`, `invalid or unsupported path ${path}: segment ${bad} is no {*} or {**}`);
    } else if (segments.slice(0, -1).includes("{**}") && segments.lastIndexOf("{**}") !== segments.indexOf("{**}")) {
      reject(report, `${field}[${i}]`, `invalid or unsupported path ${path}: {**} can stand only once`);
    } else if (/(^|[^{*])\*([^}*]|$)/.test(path)) {
      reject(report, `${field}[${i}]`, `invalid or unsupported path ${path}: * and {*} cannot be mixed`);
    }
  }
}

function isHttpOnlySource(source: Security_Source): boolean {
  return (source.requestPrincipals ?? []).length + (source.notRequestPrincipals ?? []).length > 0;
}

/** What a TCP connection doesn't have is left out there, so a rule of only that denies every connection. */
function deniesAllTcp(rule: Security_Rule): boolean {
  const operations = (rule.to ?? []).map((to) => to.operation ?? {});
  if (operations.some((o) => (o.ports ?? []).length + (o.notPorts ?? []).length > 0)) return false;
  if ((rule.when ?? []).some((condition) => condition.key === "destination.port")) return false;
  const sources = (rule.from ?? []).map((from) => from.source ?? {});
  const http =
    operations.length > 0 ||
    sources.some(isHttpOnlySource) ||
    (rule.when ?? []).some((c) => isHttpCondition(c.key ?? ""));
  return http;
}
