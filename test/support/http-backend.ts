// An HTTP server behind a proxy under test: it says who it is, remembers what it was asked, and answers as it is told.
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TestContext } from "node:test";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers only when it resolves. */
  readonly after?: Promise<void>;
}

export interface Backend {
  readonly name: string;
  readonly port: number;
  /** What has been asked since `forget`. */
  readonly seen: readonly SeenRequest[];
  /** How it answers from now on; 200 when nothing was said. */
  answer(how: (request: SeenRequest) => Answer): void;
  forget(): void;
}

/** Listens on a free port of 127.0.0.1 until the test ends; with a certificate, over TLS. */
export async function startBackend(
  t: TestContext,
  name: string,
  tls?: { readonly cert: string; readonly key: string },
): Promise<Backend> {
  const seen: SeenRequest[] = [];
  let how: (request: SeenRequest) => Answer = () => ({});
  const serve = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    request.resume();
    const asked = { method: request.method ?? "", path: request.url ?? "", headers: request.headers };
    seen.push(asked);
    const { status = 200, headers = {}, after = Promise.resolve() } = how(asked);
    void after.then(() => {
      response.writeHead(status, headers);
      response.end(name);
    });
  };
  const server = tls ? https.createServer(tls, serve) : http.createServer(serve);
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  t.after(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of open) socket.destroy();
    await closed;
  });
  return {
    name,
    port: (server.address() as AddressInfo).port,
    seen,
    answer: (next) => {
      how = next;
    },
    forget: () => void seen.splice(0),
  };
}
