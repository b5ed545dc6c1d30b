// ECDS: the configurations of Wasm extensions, and those that EnvoyFilters add, of those that a proxy asks for. Worker threads.
import { envoy } from "../../../shared/gen/envoy.js";
import { extensionName, extensionsOf } from "../../filters/extensions.ts";
import { wasmConfig } from "../../filters/wasm-config.ts";
import { encode, knownType } from "../../patches/message-types.ts";
import { VALUE_TYPES } from "../../patches/patch-value.ts";
import { warnOfPatches } from "../../patches/patcher.ts";
import { selectedPatches } from "../../patches/selected-patches.ts";
import type { Generator } from "../generator.ts";

const { TypedExtensionConfig } = envoy.config.core.v3;

export const generateExtensionConfigs: Generator = ({ ctx, view, names }, sink) => {
  if (!names?.length) return;
  const wanted = new Set(names);
  for (const extension of [...extensionsOf(ctx, view, "HTTP"), ...extensionsOf(ctx, view, "NETWORK")]) {
    const name = extensionName(extension);
    const { wasm } = extension.spec;
    if (!wasm || !wanted.delete(name)) continue;
    sink.add(name, TypedExtensionConfig, { name, typedConfig: wasmConfig(extension, wasm) });
  }
  const patches = selectedPatches(ctx, view);
  if (!patches) return;
  warnOfPatches(patches, sink);
  for (const patch of patches.of("EXTENSION_CONFIG")) {
    if (patch.operation !== "ADD") continue;
    const config = patch.value();
    const name = String(config.name ?? "");
    // Of several with one name, the first counts.
    if (wanted.delete(name)) sink.addBytes(name, encode(knownType(VALUE_TYPES.EXTENSION_CONFIG), config));
  }
};
