// Compile-time exhaustiveness and run-time invariants. Any thread.
import { MizzenError } from "./errors.ts";

/** Ends a switch over a union: a tag without a case does not compile. */
export function assertNever(value: never, what: string): never {
  throw new MizzenError("MIZZEN_ERR_INVARIANT", `unexpected ${what}: ${JSON.stringify(value)}`);
}

/** Throws MIZZEN_ERR_INVARIANT unless `condition` holds. For states that only a bug of ours can reach. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new MizzenError("MIZZEN_ERR_INVARIANT", message);
}
