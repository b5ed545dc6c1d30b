// A measured row for tests of reports.
import { distributionOf } from "../../bench/report/percentiles.ts";
import type { Row } from "../../bench/report/row.ts";

export function rowWith(fields: Partial<Row>): Row {
  return {
    scenario: "changes",
    mesh: "m1000",
    mode: "delta",
    step: "endpoint",
    services: 1000,
    proxies: 100,
    times: 3,
    expected: 300,
    reached: 300,
    latency: distributionOf([1, 2, 3, 40]),
    spreadMs: 5,
    cpuMs: 120,
    coreShare: 0,
    elapsedMs: 500,
    responses: 1,
    bytes: 1200,
    bytesOf: { EDS: 1200 },
    loop: { p99: 1, p999: 2, max: 3, ownP999: 1.5, ownMax: 2.5 },
    heapMiB: 50,
    rssMiB: 300,
    peakMiB: 310,
    othersCpu: 0.1,
    clientCpu: 0.2,
    notes: [],
    ...fields,
  };
}
