// Rules of PeerAuthentication. Main thread.
import type { Security_PeerAuthentication } from "../../../shared/gen/istio.js";
import { checkPolicySelector } from "../common/labels.ts";
import { type Report, reject } from "../report.ts";
import type { RuleInput } from "../rules.ts";

export function checkPeerAuthentication({ spec }: RuleInput, report: Report): void {
  const policy = spec as Security_PeerAuthentication;
  const selects = Object.keys(policy.selector?.matchLabels ?? {}).length > 0;
  const ports = policy.portLevelMtls;
  if (ports && !selects) {
    reject(report, "spec.portLevelMtls", "mesh/namespace peer authentication cannot have port level mTLS");
  }
  if (ports && Object.keys(ports).length === 0) {
    reject(report, "spec.portLevelMtls", "port level mTLS, if defined, must have at least one element");
  }
  for (const port of Object.keys(ports ?? {})) {
    const number = Number(port);
    if (!Number.isInteger(number) || number < 1 || number > 65535) {
      reject(report, `spec.portLevelMtls[${JSON.stringify(port)}]`, "port must be in range 1..65535");
    }
  }
  checkPolicySelector(report, "spec.selector", policy.selector);
}
