// What an API server with Istio's CRDs would refuse. Main thread.
import type { Descriptors } from "../structural/descriptors.ts";

export interface SchemaConstraints {
  readonly none?: true;
}

export function loadSchemaConstraints(): SchemaConstraints {
  return {};
}

export function checkSchema(_descriptors: Descriptors, _constraints: SchemaConstraints, _raw: unknown): string[] {
  return [];
}
