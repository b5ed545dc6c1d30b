// A quick hash that spreads texts over buckets; too weak to tell contents apart by it. Any thread, pure.

/** FNV-1a over the text's code units: 32 bits, without a sign. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
