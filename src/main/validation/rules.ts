// What semantic rules look at. Main thread.
import type { ObjectMeta } from "../../shared/model/config.ts";
import type { Features } from "../../shared/model/mesh.ts";
import type { Report } from "./report.ts";
import type { JsonObject } from "./structural/json.ts";

export interface RuleInput {
  readonly meta: ObjectMeta;
  /** Decoded: of the shape that the kind's message has. */
  readonly spec: JsonObject;
  readonly features: Pick<Features, "ipAutoAllocate" | "wildcardHostServiceEntriesForTls">;
}

export type KindRules = (input: RuleInput, report: Report) => void;
