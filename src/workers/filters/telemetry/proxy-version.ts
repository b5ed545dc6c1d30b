// What a proxy's version of Istio can take. Worker threads, pure.
import type { ProxyView } from "../../../shared/model/view.ts";

/** True for proxies of this version of Istio and later ones, and for those that don't say a version. */
export function isAtLeast({ metadata }: Pick<ProxyView, "metadata">, major: number, minor: number): boolean {
  const match = /^([1-9]\d*)\.(\d+)/.exec(metadata.istioVersion);
  if (!match) return true;
  const [ownMajor, ownMinor] = [Number(match[1]), Number(match[2])];
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
