// The configuration of a Wasm extension, as ECDS gives it. Worker threads, pure.
import { canonicalJson } from "../../shared/canonical-json.ts";
import { envoy, google } from "../../shared/gen/envoy.js";
import type { Extensions_WasmConfig } from "../../shared/gen/istio.js";
import { type AnyMessage, any, durationMs } from "../encode/values.ts";
import { layerOf, type TrafficExtension } from "./extensions.ts";

const { Wasm } = envoy.extensions.filters.http.wasm.v3;
const { Wasm: NetworkWasm } = envoy.extensions.filters.network.wasm.v3;
const { StringValue } = google.protobuf;

const FETCH_TIMEOUT_MS = 30_000;

/** envoy.extensions.wasm.v3.FailurePolicy */
const FAILURE_POLICIES = { FAIL_RELOAD: 1, FAIL_CLOSE: 2, FAIL_OPEN: 3 } as const;

export function wasmConfig({ meta, spec }: TrafficExtension, wasm: Extensions_WasmConfig): AnyMessage {
  const { pluginConfig, pluginName } = wasm;
  const configuration = pluginConfig
    ? any("google.protobuf.StringValue", StringValue, { value: canonicalJson(pluginConfig) })
    : { type_url: "", value: new Uint8Array() };
  const message = {
    config: {
      name: `${meta.namespace}.${meta.name}`,
      ...(pluginName ? { rootId: pluginName } : {}),
      configuration,
      failurePolicy: FAILURE_POLICIES[wasm.failStrategy ?? "FAIL_CLOSE"],
      vmConfig: {
        runtime: "envoy.wasm.runtime.v8",
        code: code(wasm),
        environmentVariables: environment(wasm, meta.resourceVersion),
      },
    },
  };
  return layerOf(spec) === "HTTP"
    ? any("envoy.extensions.filters.http.wasm.v3.Wasm", Wasm, message)
    : any("envoy.extensions.filters.network.wasm.v3.Wasm", NetworkWasm, message);
}

/** Modules of registries and of servers are fetched by Istio's agent: no cluster of Envoy's is asked. */
function code({ url = "", sha256 }: Extensions_WasmConfig): envoy.config.core.v3.IAsyncDataSource {
  if (url.startsWith("file:")) return { local: { filename: decodeURIComponent(new URL(url).pathname) } };
  const uri = /^(https?|oci):/.test(url) ? url : `oci://${url}`;
  const httpUri = { uri, cluster: "_", timeout: durationMs(FETCH_TIMEOUT_MS) };
  return { remote: { httpUri, ...(sha256 ? { sha256 } : {}) } };
}

/** What the module sees, and what the agent is told about fetching it. */
function environment(
  { imagePullPolicy = "UNSPECIFIED_POLICY", imagePullSecret, vmConfig }: Extensions_WasmConfig,
  resourceVersion: string,
): envoy.extensions.wasm.v3.IEnvironmentVariables {
  const keyValues: Record<string, string> = {};
  const hostEnvKeys: string[] = [];
  for (const { name = "", value = "", valueFrom } of vmConfig?.env ?? []) {
    if (valueFrom === "HOST") hostEnvKeys.push(name);
    else keyValues[name] = value;
  }
  // The secret's content would stand here; secrets aren't read yet.
  if (imagePullSecret) keyValues.ISTIO_META_WASM_IMAGE_PULL_SECRET = "";
  if (imagePullPolicy !== "UNSPECIFIED_POLICY") keyValues.ISTIO_META_WASM_IMAGE_PULL_POLICY = imagePullPolicy;
  keyValues.ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION = resourceVersion;
  const sorted = Object.fromEntries(Object.entries(keyValues).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...(hostEnvKeys.length > 0 ? { hostEnvKeys } : {}), keyValues: sorted };
}
