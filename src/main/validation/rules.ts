// The semantic rules of each kind. Main thread.
import type { IstioKind, ObjectMeta } from "../../shared/model/config.ts";
import type { Features } from "../../shared/model/mesh.ts";
import type { Report } from "./report.ts";
import type { JsonObject } from "./structural/json.ts";

/** What rules look at. */
export interface RuleInput {
  readonly meta: ObjectMeta;
  /** Decoded: of the shape that the kind's message has. */
  readonly spec: JsonObject;
  readonly features: Pick<Features, "ipAutoAllocate">;
}

export type KindRules = (input: RuleInput, report: Report) => void;

/** Kinds that have rules beyond their structure. */
export const KIND_RULES: Partial<Readonly<Record<IstioKind, KindRules>>> = {};
