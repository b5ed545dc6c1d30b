// Values that belong to two objects. Any thread, pure.

/** What was made for two objects, by identity; forgotten with either of them. */
export class PairMemo<A extends object, B extends object, R> {
  private readonly byFirst = new WeakMap<A, WeakMap<B, R>>();

  /** The value for the two, made when they are met together for the first time. */
  get(a: A, b: B, make: () => R): R {
    let bySecond = this.byFirst.get(a);
    if (!bySecond) {
      bySecond = new WeakMap();
      this.byFirst.set(a, bySecond);
    }
    let value = bySecond.get(b);
    if (value === undefined) {
      value = make();
      bySecond.set(b, value);
    }
    return value;
  }
}
