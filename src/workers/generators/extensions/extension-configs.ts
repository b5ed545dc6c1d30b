// ECDS: the extension configurations that EnvoyFilters add, of those that a proxy asks for by name. Worker threads.
import { encode, knownType } from "../../patches/message-types.ts";
import { VALUE_TYPES } from "../../patches/patch-value.ts";
import { warnOfPatches } from "../../patches/patcher.ts";
import { selectedPatches } from "../../patches/selected-patches.ts";
import type { Generator } from "../generator.ts";

export const generateExtensionConfigs: Generator = ({ ctx, view, names }, sink) => {
  const patches = selectedPatches(ctx, view);
  if (!patches || !names?.length) return;
  warnOfPatches(patches, sink);
  const wanted = new Set(names);
  for (const patch of patches.of("EXTENSION_CONFIG")) {
    if (patch.operation !== "ADD") continue;
    const config = patch.value();
    const name = String(config.name ?? "");
    // Of several with one name, the first counts.
    if (wanted.delete(name)) sink.addBytes(name, encode(knownType(VALUE_TYPES.EXTENSION_CONFIG), config));
  }
};
