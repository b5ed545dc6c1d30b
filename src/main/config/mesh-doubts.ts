// Mesh settings that are taken, but can't do what they say. Main thread, pure.
import { errorMessage } from "../../shared/errors.ts";
import type { Mesh_MeshConfig } from "../../shared/gen/istio.js";
import { type FieldError, isObject } from "../validation/structural/json.ts";

/** What is doubtful of settings that are valid, each with what happens instead. */
export function meshDoubts({ accessLogEncoding, accessLogFormat }: Mesh_MeshConfig): FieldError[] {
  if (accessLogEncoding !== "JSON" || !accessLogFormat) return [];
  const problem = jsonObjectProblem(accessLogFormat);
  if (problem === undefined) return [];
  return [{ field: "accessLogFormat", reason: `${problem}; access logs have the default fields instead` }];
}

function jsonObjectProblem(text: string): string | undefined {
  try {
    return isObject(JSON.parse(text)) ? undefined : "not a JSON object";
  } catch (error) {
    return `not JSON: ${errorMessage(error)}`;
  }
}
