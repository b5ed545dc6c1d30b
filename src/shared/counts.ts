// Numbers by key, of which only those above zero are kept. Any thread, pure.

/** Adds to the number of a key; one that comes down to zero is forgotten. */
export function addCount<K>(counts: Map<K, number>, key: K, step: number): void {
  const count = (counts.get(key) ?? 0) + step;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
