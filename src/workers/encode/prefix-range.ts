// Blocks of addresses as Envoy takes them. Worker threads, pure.
import type { envoy } from "../../shared/gen/envoy.js";

/** `10.0.0.0/8`, or a single address. */
export function prefixRange(text: string): envoy.config.core.v3.ICidrRange {
  const [address = "", bits] = text.split("/");
  return { addressPrefix: address, prefixLen: { value: bits ? Number(bits) : address.includes(":") ? 128 : 32 } };
}
