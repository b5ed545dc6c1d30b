// Rules of the ProxyConfig resource. Main thread.
import type { Networking_ProxyConfig } from "../../../shared/gen/istio.js";
import { checkPolicySelector } from "../common/labels.ts";
import { type Report, reject } from "../report.ts";
import type { RuleInput } from "../rules.ts";

export function checkProxyConfigObject({ spec }: RuleInput, report: Report): void {
  const config = spec as Networking_ProxyConfig;
  checkPolicySelector(report, "spec.selector", config.selector);
  if ((config.concurrency ?? 0) < 0) {
    reject(report, "spec.concurrency", "concurrency must be greater than or equal to 0");
  }
}
