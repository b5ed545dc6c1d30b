// A program that runs inside of a network namespace for a test: it serves and asks over HTTP and TCP as it is told.
// One JSON object a line comes in on standard input, one answer with the same id goes out on standard output.
import http from "node:http";
import net from "node:net";
import readline from "node:readline";

export interface AgentRequests {
  /** Serves HTTP: each answer is a JSON object with `name`, and the request's path and headers. */
  serveHttp: { args: { address: string; port: number; name: string }; result: null };
  /** Serves TCP: each line comes back as `NAME: LINE`. */
  serveTcp: { args: { address: string; port: number; name: string }; result: null };
  get: {
    args: { host: string; port: number; path: string; headers: Record<string, string> };
    result: { status: number; headers: http.IncomingHttpHeaders; body: string };
  };
  /** Sends one line over a new connection, and gives the line that comes back. */
  sendLine: { args: { host: string; port: number; line: string }; result: string };
}

export type AgentOperation = keyof AgentRequests;

export interface AgentCall {
  readonly id: number;
  readonly op: AgentOperation;
  readonly args: unknown;
}

export type AgentReply = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string });

const TIMEOUT_MS = 5000;

const operations: {
  readonly [K in AgentOperation]: (args: AgentRequests[K]["args"]) => Promise<AgentRequests[K]["result"]>;
} = {
  async serveHttp({ address, port, name }) {
    const server = http.createServer((request, response) => {
      request.resume();
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ name, path: request.url, headers: request.headers }));
    });
    await listen(server, address, port);
    return null;
  },

  async serveTcp({ address, port, name }) {
    const server = net.createServer((socket) => {
      socket.on("error", () => socket.destroy());
      readline.createInterface({ input: socket }).on("line", (line) => socket.write(`${name}: ${line}\n`));
    });
    await listen(server, address, port);
    return null;
  },

  get({ host, port, path, headers }) {
    return new Promise((resolve, reject) => {
      const request = http.get({ host, port, path, headers, agent: false, timeout: TIMEOUT_MS }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      });
      request.on("timeout", () => request.destroy(new Error("no answer in time")));
      request.on("error", reject);
    });
  },

  sendLine({ host, port, line }) {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host, port, timeout: TIMEOUT_MS }, () => socket.write(`${line}\n`));
      let text = "";
      socket.setEncoding("utf8");
      socket.on("data", (chunk) => {
        text += String(chunk);
        if (!text.includes("\n")) return;
        socket.destroy();
        resolve(text.trimEnd());
      });
      socket.on("timeout", () => socket.destroy(new Error("no answer in time")));
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("closed without an answer")));
    });
  },
};

function listen(server: net.Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
}

function answer(reply: AgentReply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

if (process.argv[2] === "--agent") {
  const input = readline.createInterface({ input: process.stdin });
  input.on("line", (line) => {
    const { id, op, args } = JSON.parse(line) as AgentCall;
    const operation = operations[op] as (args: unknown) => Promise<unknown>;
    operation(args).then(
      (result) => answer({ id, result }),
      (error: unknown) => answer({ id, error: error instanceof Error ? error.message : String(error) }),
    );
  });
  // The test has ended, or is gone.
  input.on("close", () => process.exit(0));
}
