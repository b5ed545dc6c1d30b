// Which generator makes which type. Worker threads.
import type { XdsType } from "../../shared/xds-types.ts";
import { generateClusters } from "./clusters/clusters.ts";
import { generateEndpoints } from "./endpoints/endpoints.ts";
import { generateExtensionConfigs } from "./extensions/extension-configs.ts";
import type { Generator } from "./generator.ts";
import { generateListeners } from "./listeners/listeners.ts";
import { generateNames } from "./names/name-table.ts";
import { patchedClusters, patchedListeners, patchedRoutes } from "./patched.ts";
import { generateRoutes } from "./routes/routes.ts";
import { generateTrustBundle } from "./trust/trust-bundle.ts";

/** Nothing leads to secrets yet. */
const nothing: Generator = () => undefined;

export const GENERATORS: Readonly<Record<XdsType, Generator>> = {
  CDS: patchedClusters(generateClusters),
  EDS: generateEndpoints,
  LDS: patchedListeners(generateListeners),
  RDS: patchedRoutes(generateRoutes),
  SDS: nothing,
  ECDS: generateExtensionConfigs,
  NDS: generateNames,
  PCDS: generateTrustBundle,
};
