// The form of what a schema asks for. Main thread.
import type { SchemaRule } from "./schema-rules.ts";

/** Limits of a value; `item` and `value` are those of a list's and a map's members. */
export interface Constraint {
  readonly min?: number;
  readonly max?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly pattern?: string;
  readonly nullable?: boolean;
  /** Members of a list that tell its items apart. */
  readonly keys?: readonly string[];
  readonly set?: boolean;
  readonly rules?: readonly SchemaRule[];
  readonly item?: Constraint;
  readonly value?: Constraint;
}

export interface MessageConstraints {
  readonly required?: readonly string[];
  readonly fields?: Readonly<Record<string, Constraint>>;
}
