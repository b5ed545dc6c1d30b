// The sample's services, as small HTTP servers in this process: productpage, details, reviews and ratings. Main thread.
import http from "node:http";
import { errorMessage } from "../../shared/errors.ts";
import type { SampleWorkload } from "./sample.ts";
import { productPage } from "./shop-page.ts";

export interface Reviews {
  readonly version: string;
  readonly reviews: readonly { readonly reviewer: string; readonly text: string; readonly stars?: number }[];
  /** Of the stars; none for a version without stars. */
  readonly color?: string;
}

export interface Details {
  readonly version: string;
  readonly title: string;
  readonly author: string;
  readonly pages: number;
}

/** What productpage got from another service: an answer, or why there is none. */
export type Answer<T> = { readonly ok: true; readonly body: T } | { readonly ok: false; readonly reason: string };

export interface ShopServices {
  close(): Promise<void>;
}

/** Asks a service of the shop by its name. */
type Ask = <T>(service: string, requestPath: string, headers: http.OutgoingHttpHeaders) => Promise<Answer<T>>;

const HEADERS_TO_PASS_ON = ["end-user", "x-request-id"];
const ASK_TIMEOUT_MS = 3000;

/**
 * Serves all workloads. Their calls to one another go to `gateway` with the service's host name, so that routes apply
 * to them; without a gateway they go to the service's first workload.
 */
export async function startShopServices(
  workloads: readonly SampleWorkload[],
  gateway: { readonly address: string; readonly port: number } | undefined,
): Promise<ShopServices> {
  const ask = asker(workloads, gateway);
  const servers: http.Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => closeServer(server)));
  };
  try {
    for (const workload of workloads) {
      const server = http.createServer((request, response) => {
        serve(workload, ask, request, response).catch((error: unknown) => {
          if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
          response.end(`${errorMessage(error)}\n`);
        });
      });
      await listen(server, workload.port, workload.address);
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

function listen(server: http.Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve());
  });
}

function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function serve(
  workload: SampleWorkload,
  ask: Ask,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  request.resume();
  const url = new URL(request.url ?? "/", "http://shop");
  const passOn = Object.fromEntries(
    HEADERS_TO_PASS_ON.flatMap((name) => (request.headers[name] ? [[name, request.headers[name]]] : [])),
  );
  const user = url.searchParams.get("user");
  if (user) passOn["end-user"] = user;
  const { app, version } = workload;
  if (app === "details") return sendJson(response, workload, details(version));
  if (app === "ratings") return sendJson(response, workload, { version, stars: [5, 4] });
  if (app === "reviews") return sendJson(response, workload, await reviews(version, ask, passOn));
  const [book, opinions] = await Promise.all([
    ask<Details>("details", "/details/0", passOn),
    ask<Reviews>("reviews", "/reviews/0", passOn),
  ]);
  response.setHeader("x-reviews-version", opinions.ok ? opinions.body.version : "none");
  if (url.pathname.startsWith("/api/")) return sendJson(response, workload, { details: book, reviews: opinions });
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "x-served-by": servedBy(workload) });
  response.end(productPage(servedBy(workload), book, opinions));
}

function details(version: string): Details {
  return { version, title: "Two Years Before the Mast", author: "Richard Henry Dana", pages: 483 };
}

async function reviews(version: string, ask: Ask, passOn: http.OutgoingHttpHeaders): Promise<Reviews> {
  const texts = [
    { reviewer: "Reader 1", text: "Salt on every page." },
    { reviewer: "Reader 2", text: "I know my ropes now." },
  ];
  if (version === "v1") return { version, reviews: texts };
  const rated = await ask<{ stars: readonly number[] }>("ratings", "/ratings/0", passOn);
  const stars = rated.ok ? rated.body.stars : [];
  return {
    version,
    color: version === "v2" ? "black" : "red",
    reviews: texts.map((one, index) => ({ ...one, ...(stars[index] === undefined ? {} : { stars: stars[index] }) })),
  };
}

function sendJson(response: http.ServerResponse, workload: SampleWorkload, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json", "x-served-by": servedBy(workload) });
  response.end(`${JSON.stringify(body)}\n`);
}

function servedBy(workload: SampleWorkload): string {
  return `${workload.app}-${workload.version}`;
}

function asker(
  workloads: readonly SampleWorkload[],
  gateway: { readonly address: string; readonly port: number } | undefined,
): Ask {
  return async <T>(service: string, requestPath: string, headers: http.OutgoingHttpHeaders): Promise<Answer<T>> => {
    const target = gateway ?? workloads.find((workload) => workload.app === service);
    if (!target) return { ok: false, reason: `there is no ${service}` };
    try {
      const host = `${service}.default.svc.cluster.local:9080`;
      return await get<T>(target.address, target.port, requestPath, { ...headers, host });
    } catch (error) {
      return { ok: false, reason: errorMessage(error) };
    }
  };
}

function get<T>(
  host: string,
  port: number,
  requestPath: string,
  headers: http.OutgoingHttpHeaders,
): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const options = { host, port, path: requestPath, headers, agent: false, timeout: ASK_TIMEOUT_MS };
    const request = http.get(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        if (status !== 200) resolve({ ok: false, reason: `status ${status}: ${text.slice(0, 200)}` });
        else resolve({ ok: true, body: JSON.parse(text) as T });
      });
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${ASK_TIMEOUT_MS} ms`)));
    request.on("error", reject);
  });
}
