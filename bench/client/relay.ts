// A relay in front of the control plane for proxies that are to be stalled: it stops reading from the server's socket, as a
// proxy does whose node has frozen.
import net from "node:net";

export interface Relay {
  /** HOST:PORT to connect to. */
  readonly address: string;
  stall(stalled: boolean): void;
  close(): void;
}

/** Relays connections to `target`; those that break are ended on both sides. */
export async function startRelay(target: string): Promise<Relay> {
  const [host, port] = splitAddress(target);
  const upstreams = new Set<net.Socket>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(port, host);
    upstreams.add(upstream);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
    }
    client.on("data", (chunk) => void upstream.write(chunk));
    upstream.on("data", (chunk) => void client.write(chunk));
    client.on("close", () => end(upstream));
    upstream.on("close", () => end(client));
    const end = (socket: net.Socket): void => {
      socket.destroy();
      sockets.delete(client);
      sockets.delete(upstream);
      upstreams.delete(upstream);
    };
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    stall(stalled) {
      for (const upstream of upstreams) {
        if (stalled) upstream.pause();
        else upstream.resume();
      }
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export function splitAddress(address: string): readonly [string, number] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}
