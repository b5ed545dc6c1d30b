// Values that may be there already. Any thread, pure.

/** Goes on with a value, at once when it is there: a promise costs a turn, and thousands of proxies need none. */
export function after<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
