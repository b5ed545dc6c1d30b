// Requests to the shop through its gateway, and counts of who answered them.
import http from "node:http";
import type { Sample } from "../../src/main/demo/sample.ts";

export interface ShopAnswer {
  readonly status: number;
  /** APP-VERSION of the service that answered. */
  readonly servedBy: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Asks through the gateway; `host` is the service's short name, or absent for the page that people open. `from` is the caller's
 * address.
 */
export function askShop(
  { gateway }: Sample,
  path: string,
  {
    host,
    headers = {},
    from,
  }: { host?: string; headers?: Readonly<Record<string, string>>; from?: string | undefined } = {},
): Promise<ShopAnswer> {
  const authority =
    host === undefined ? `${gateway.address}:${gateway.port}` : `${host}.default.svc.cluster.local:9080`;
  const options = {
    host: gateway.address,
    port: gateway.port,
    path,
    headers: { ...headers, host: authority },
    agent: false,
    timeout: 5000,
    ...(from === undefined ? {} : { localAddress: from }),
  } as const;
  return new Promise((resolve, reject) => {
    const request = http.get(options, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        const servedBy = String(response.headers["x-served-by"] ?? "");
        resolve({ status: response.statusCode ?? 0, servedBy, headers: response.headers, body });
      });
    });
    request.on("timeout", () => request.destroy(new Error(`no answer from the gateway to ${path}`)));
    request.on("error", reject);
  });
}

/** How many of `count` requests for reviews each version answered; any other answer is an error. */
export async function countReviews(
  sample: Sample,
  count: number,
  headers: Record<string, string> = {},
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let sent = 0; sent < count; sent++) {
    const answer = await askShop(sample, "/reviews/0", { host: "reviews", headers });
    if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body}`);
    counts[answer.servedBy] = (counts[answer.servedBy] ?? 0) + 1;
  }
  return counts;
}
