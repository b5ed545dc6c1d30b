// What a rule of an AuthorizationPolicy asks, term by term, for principals and permissions alike. Worker threads, pure.

/** Requests have everything; connections have no headers, paths or tokens. */
export type Layer = "http" | "tcp";

/** One attribute with the values that it has to have and those that it must not have. */
export interface Term<M> {
  readonly values: readonly string[];
  readonly notValues: readonly string[];
  /** A matcher of any of the values, of which there is one at least; undefined where the attribute or a value makes no sense. */
  readonly anyOf: (values: readonly string[]) => M | undefined;
}

/** Envoy's way to say no, and to say all of several. */
export interface Logic<M> {
  not(matcher: M): M;
  all(matchers: M[]): M;
  readonly anything: M;
}

/**
 * All terms at once. A term that can't be told makes the result undefined where rules allow, and is left out where they deny
 * or audit: either way less is let through, or more is noticed, and never the other way round.
 */
export function allOf<M>(terms: readonly Term<M>[], allows: boolean, logic: Logic<M>): M | undefined {
  const matchers: M[] = [];
  for (const { values, notValues, anyOf } of terms) {
    for (const [list, negated] of [
      [values, false],
      [notValues, true],
    ] as const) {
      if (list.length === 0) continue;
      const matcher = anyOf(list);
      if (matcher !== undefined) matchers.push(negated ? logic.not(matcher) : matcher);
      else if (allows) return undefined;
    }
  }
  return logic.all(matchers.length > 0 ? matchers : [logic.anything]);
}

/** A term about an attribute of which each value has a matcher. */
export function term<M>(
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  anyOf: Term<M>["anyOf"],
): Term<M> {
  return { values: values ?? [], notValues: notValues ?? [], anyOf };
}

/** Every value's matcher; undefined when one has none. */
export function each<T>(values: readonly string[], make: (value: string) => T | undefined): T[] | undefined {
  const out: T[] = [];
  for (const value of values) {
    const made = make(value);
    if (made === undefined) return undefined;
    out.push(made);
  }
  return out;
}
