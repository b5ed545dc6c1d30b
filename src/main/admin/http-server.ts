// A small HTTP server for probes, metrics and debugging: exact paths to functions. Main thread.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { ListenAddress } from "../config/options.ts";
import type { Logger } from "../telemetry/log.ts";

/** What a route sees of a request. */
export interface HttpRequest {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What a route answers. */
export interface HttpAnswer {
  /** 200 when absent. */
  readonly status?: number;
  /** Content type; text/plain when absent. */
  readonly type?: string;
  readonly body: string | Uint8Array;
}

/** Answers requests of one path. */
export type Route = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

/** Paths with what answers GET and HEAD there. */
export type Routes = ReadonlyMap<string, Route>;

/** An answer in JSON, indented for people. */
export function jsonAnswer(value: unknown, status = 200): HttpAnswer {
  return { status, type: "application/json", body: `${JSON.stringify(value, null, 2)}\n` };
}

/** Owns one listening server. */
export class HttpServer {
  private readonly server: http.Server;
  private readonly routes: Routes;
  private readonly log: Logger;

  constructor(routes: Routes, log: Logger) {
    this.routes = routes;
    this.log = log;
    this.server = http.createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        this.log.error({ path: request.url, error: errorMessage(error) }, "request failed");
        response.destroy();
      });
    });
  }

  /** Gives the address in use. */
  listen(address: ListenAddress): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      this.server.once("error", (cause) => {
        const where = `${address.host}:${address.port}`;
        reject(new MizzenError("MIZZEN_ERR_OPTIONS", `cannot listen on ${where}: ${cause.message}`, { cause }));
      });
      const host = address.host === "" ? {} : { host: address.host };
      this.server.listen({ port: address.port, ...host }, () => {
        resolve({ host: address.host, port: (this.server.address() as AddressInfo).port });
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { path, query } = splitUrl(request.url ?? "/");
    const answer = await this.route(request.method ?? "GET", path, query);
    const body = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
    response.writeHead(answer.status ?? 200, {
      "content-type": answer.type ?? "text/plain; charset=utf-8",
      "content-length": body.length,
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  private async route(method: string, path: string, query: URLSearchParams): Promise<HttpAnswer> {
    const route = this.routes.get(path);
    if (!route) return { status: 404, body: `nothing at ${path}\n` };
    if (method !== "GET" && method !== "HEAD") return { status: 405, body: "only GET and HEAD\n" };
    try {
      return await route({ path, query });
    } catch (error) {
      this.log.error({ path, error: errorMessage(error) }, "request failed");
      return { status: 500, body: `${errorMessage(error)}\n` };
    }
  }
}

function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  return {
    path: path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path,
    query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)),
  };
}
