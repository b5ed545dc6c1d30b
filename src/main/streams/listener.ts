// The TCP port of a gRPC server: connections are handed over when the admission lets them in. Main thread.
import { lookup } from "node:dns/promises";
import { createServer, type Server, type Socket } from "node:net";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { ListenAddress } from "../config/options.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Admission } from "./admission.ts";

export interface ListenerOptions {
  readonly admission: Admission;
  /** Hands a connection to the server. */
  readonly inject: (socket: Socket) => void;
  readonly log: Logger;
}

/** Connections that the system keeps while they are not accepted; it has a limit of its own (net.core.somaxconn). */
const BACKLOG = 4096;

/** Owns one listening port, and the connections that were not handed over yet. */
export class Listener {
  private readonly options: ListenerOptions;
  private readonly server: Server;
  private readonly waiting = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.options = options;
    // A connection that waits isn't read: what its peer sends stays in the system's buffers.
    this.server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.accept(socket));
  }

  /** Listens; gives the address in use. An empty host is every address of the machine; a name is its first one, IPv4 before IPv6. */
  async listen({ host, port }: ListenAddress): Promise<ListenAddress> {
    if (host !== "") return { host, port: await this.bind(await addressOf(host), port) };
    try {
      return { host, port: await this.bind("::", port) };
    } catch (error) {
      // A machine without IPv6. Another reason shows again.
      return { host, port: await this.bind("0.0.0.0", port).catch(() => Promise.reject(error)) };
    }
  }

  /** Accepts no more, and closes what was not handed over. */
  close(): void {
    this.server.close();
    for (const socket of this.waiting) socket.destroy();
  }

  private bind(host: string, port: number): Promise<number> {
    const { server } = this;
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        const at = `${host.includes(":") ? `[${host}]` : host}:${port}`;
        reject(new MizzenError("MIZZEN_ERR_OPTIONS", `cannot listen on ${at}: ${error.message}`, { cause: error }));
      };
      server.once("error", failed);
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off("error", failed);
        server.on("error", (error) => this.options.log.error({ error: error.message }, "connections are not accepted"));
        resolve((server.address() as { port: number }).port);
      });
    });
  }

  private accept(socket: Socket): void {
    const { admission, inject, log } = this.options;
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const broken = (error: Error): void => log.debug({ peer, reason: error.message }, "connection broken");
    this.waiting.add(socket);
    socket.on("error", broken);
    socket.once("close", () => {
      this.waiting.delete(socket);
      admission.settled(peer);
    });
    admission.offer({
      peer,
      begin: () => {
        this.waiting.delete(socket);
        if (socket.destroyed) return;
        socket.off("error", broken);
        inject(socket);
        socket.resume();
      },
    });
  }
}

/** As Go's listeners choose among a name's addresses. */
async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host, { verbatim: false })).address;
  } catch (cause) {
    throw new MizzenError("MIZZEN_ERR_OPTIONS", `cannot listen on ${host}: ${errorMessage(cause)}`, { cause });
  }
}
