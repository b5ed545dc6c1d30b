// Rules of WasmPlugin and TrafficExtension. Main thread.
import type {
  Extensions_TrafficExtension,
  Extensions_VmConfig,
  Extensions_WasmPlugin,
} from "../../../shared/gen/istio.js";
import { checkPolicySelector, checkTargets } from "../common/labels.ts";
import { urlProblem } from "../common/urls.ts";
import { type Report, reject } from "../report.ts";
import type { RuleInput } from "../rules.ts";

export function checkWasmPlugin({ spec }: RuleInput, report: Report): void {
  const plugin = spec as Extensions_WasmPlugin;
  checkPolicySelector(report, "spec.selector", plugin.selector);
  checkTargets(report, plugin);
  checkWasm(report, "spec", plugin);
  checkMatches(report, plugin.match ?? []);
}

export function checkTrafficExtension({ spec }: RuleInput, report: Report): void {
  const extension = spec as Extensions_TrafficExtension;
  const { wasm, lua } = extension;
  checkPolicySelector(report, "spec.selector", extension.selector);
  checkTargets(report, extension);
  if ((wasm === undefined) === (lua === undefined)) {
    reject(report, "spec", "exactly one of wasm or lua must be set");
  }
  if (wasm) {
    checkWasm(report, "spec.wasm", wasm);
    if ((wasm.pluginName ?? "").length >= 256) {
      reject(report, "spec.wasm.pluginName", "pluginName field must be less than 256 characters long");
    }
  }
  if (lua) {
    const size = Buffer.byteLength(lua.inlineCode ?? "");
    if (size === 0) reject(report, "spec.lua.inlineCode", "lua.inlineCode cannot be empty");
    else if (size > 64 * 1024) {
      reject(report, "spec.lua.inlineCode", "lua.inlineCode exceeds maximum size of 64KB");
    }
  }
  for (const [i, match] of (extension.match ?? []).entries()) {
    if (Object.keys(match).length === 0) reject(report, `spec.match[${i}]`, `spec.Match[${i}] is nil`);
  }
  checkMatches(report, extension.match ?? []);
}

interface Wasm {
  readonly url?: string;
  readonly sha256?: string;
  readonly vmConfig?: Extensions_VmConfig;
}

const SCHEMES = new Set(["", "file", "http", "https", "oci"]);

function checkWasm(report: Report, field: string, { url = "", sha256 = "", vmConfig }: Wasm): void {
  if (url === "") {
    reject(report, `${field}.url`, "url field needs to be set");
  } else {
    const problem = urlProblem(url) ?? (url.startsWith("#") ? "it has no address" : undefined);
    if (problem !== undefined) {
      reject(report, `${field}.url`, `failed to parse url: parse ${JSON.stringify(url)}: invalid URI for request`);
    }
    const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//.exec(url)?.[1] ?? "";
    if (!SCHEMES.has(scheme)) reject(report, `${field}.url`, `url contains unsupported scheme: ${scheme}`);
  }
  if (sha256 !== "" && sha256.length !== 64) {
    reject(report, `${field}.sha256`, "sha256 field must be 64 characters long");
  } else if (!/^[a-f0-9]*$/.test(sha256)) {
    reject(report, `${field}.sha256`, "sha256 field must match [a-f0-9]{64} pattern");
  }
  checkEnvironment(report, `${field}.vmConfig.env`, vmConfig);
}

function checkEnvironment(report: Report, field: string, config: Extensions_VmConfig | undefined): void {
  const names = new Set<string>();
  for (const [i, { name = "", value = "", valueFrom = "INLINE" }] of (config?.env ?? []).entries()) {
    const path = `${field}[${i}]`;
    if (name === "") {
      reject(report, `${path}.name`, "spec.vmConfig.env invalid");
      continue;
    }
    if (valueFrom !== "INLINE" && value !== "") {
      reject(report, `${path}.value`, "value may only be set when valueFrom is INLINE");
    }
    if (names.has(name)) reject(report, `${path}.name`, "duplicate env");
    names.add(name);
  }
}

interface Match {
  readonly ports?: readonly { readonly number?: number }[];
}

function checkMatches(report: Report, matches: readonly Match[]): void {
  for (const [i, { ports = [] }] of matches.entries()) {
    for (const [j, { number = 0 }] of ports.entries()) {
      if (number >= 1 && number <= 65535) continue;
      const reason = `spec.Match[${i}].Ports[${j}] is out of range: ${number}`;
      reject(report, `spec.match[${i}].ports[${j}].number`, reason);
    }
  }
}
