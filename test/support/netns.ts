// Network namespaces for a test: a hub with a bridge, and nodes on it. Everything is gone when the test ends.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import type { AgentOperation, AgentReply, AgentRequests } from "./netns-agent.ts";

/** The group that Envoy runs with, whose traffic is not redirected, as with Istio's sidecars. */
export const PROXY_GROUP = 1337;

const HUB_ADDRESS = "10.99.0.1";

/** Why namespaces can't be made here, or undefined when they can. */
export function namespacesMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  for (const program of ["ip", "iptables", "setpriv"]) {
    const found = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].some((folder) => existsSync(`${folder}/${program}`));
    if (!found) return `there is no ${program} (Debian: iproute2, iptables, util-linux)`;
  }
  try {
    const name = `mz${process.pid}probe`;
    run("ip", "netns", "add", name);
    run("ip", "netns", "del", name);
  } catch (error) {
    return `network namespaces cannot be made: ${(error as Error).message}`;
  }
  return undefined;
}

/** One namespace, and an agent in it that serves and asks. */
export class NetNode {
  readonly name: string;
  readonly address: string;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (reply: AgentReply) => void>();
  private calls = 0;

  constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
    const agent = fileURLToPath(new URL("./netns-agent.js", import.meta.url));
    const [program, ...args] = [...this.prefix, process.execPath, agent, "--agent"];
    this.child = spawn(program!, args, { stdio: ["pipe", "pipe", "inherit"] });
    readline.createInterface({ input: this.child.stdout! }).on("line", (line) => {
      const reply = JSON.parse(line) as AgentReply;
      this.waiting.get(reply.id)?.(reply);
      this.waiting.delete(reply.id);
    });
  }

  /** Words that a command begins with to run in here. */
  get prefix(): readonly string[] {
    return ["ip", "netns", "exec", this.name];
  }

  call<K extends AgentOperation>(op: K, args: AgentRequests[K]["args"]): Promise<AgentRequests[K]["result"]> {
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, (reply) => {
        if ("error" in reply) reject(new Error(`${op} in ${this.name}: ${reply.error}`));
        else resolve(reply.result as AgentRequests[K]["result"]);
      });
      this.child.stdin!.write(`${JSON.stringify({ id, op, args })}\n`);
    });
  }

  /** Redirects TCP as istio-iptables does: what comes in to 15006, what goes out to 15001, but for the proxy's own. */
  redirectToProxy(): void {
    const proxy = ["-m", "owner", "--gid-owner", String(PROXY_GROUP)];
    const notProxy = ["-m", "owner", "!", "--gid-owner", String(PROXY_GROUP)];
    const rules: readonly (readonly string[])[] = [
      ["-N", "MESH_OUT"],
      ["-N", "MESH_IN"],
      ["-A", "PREROUTING", "-p", "tcp", "-j", "MESH_IN"],
      ["-A", "MESH_IN", "-p", "tcp", "--dport", "15000", "-j", "RETURN"],
      ["-A", "MESH_IN", "-p", "tcp", "-j", "REDIRECT", "--to-ports", "15006"],
      ["-A", "OUTPUT", "-p", "tcp", "-j", "MESH_OUT"],
      ["-A", "MESH_OUT", "-s", "127.0.0.6/32", "-o", "lo", "-j", "RETURN"],
      ["-A", "MESH_OUT", "-o", "lo", ...notProxy, "-j", "RETURN"],
      ["-A", "MESH_OUT", ...proxy, "-j", "RETURN"],
      ["-A", "MESH_OUT", "-d", "127.0.0.1/32", "-j", "RETURN"],
      ["-A", "MESH_OUT", "-p", "tcp", "-j", "REDIRECT", "--to-ports", "15001"],
    ];
    for (const rule of rules) run(...this.prefix, "iptables", "-w", "-t", "nat", ...rule);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.child.exitCode !== null) return resolve();
      this.child.once("exit", () => resolve());
      this.child.stdin!.end();
    });
  }
}

export interface NetLab {
  readonly hub: NetNode;
  readonly nodes: readonly NetNode[];
  close(): Promise<void>;
}

let labs = 0;

/** A hub at 10.99.0.1, and `count` nodes at 10.99.0.11 and up that reach it and one another. */
export async function createLab(count: number): Promise<NetLab> {
  const prefix = `mz${process.pid % 100_000}${String.fromCharCode(97 + labs++)}`;
  const names: string[] = [];
  const nodes: NetNode[] = [];
  const addNamespace = (name: string): string => {
    run("ip", "netns", "add", name);
    names.push(name);
    inside(name, "ip", "link", "set", "lo", "up");
    return name;
  };
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.close()));
    for (const name of names) run("ip", "netns", "del", name);
  };
  try {
    const hub = addNamespace(`${prefix}-hub`);
    inside(hub, "ip", "link", "add", "br0", "type", "bridge");
    inside(hub, "ip", "addr", "add", `${HUB_ADDRESS}/24`, "dev", "br0");
    inside(hub, "ip", "link", "set", "br0", "up");
    nodes.push(new NetNode(hub, HUB_ADDRESS));
    for (let index = 1; index <= count; index++) {
      const name = addNamespace(`${prefix}-${index}`);
      const address = `10.99.0.${10 + index}`;
      inside(hub, "ip", "link", "add", `n${index}`, "type", "veth", "peer", "name", "eth0", "netns", name);
      inside(hub, "ip", "link", "set", `n${index}`, "master", "br0", "up");
      inside(name, "ip", "addr", "add", `${address}/24`, "dev", "eth0");
      inside(name, "ip", "link", "set", "eth0", "up");
      // Addresses of services are nowhere, but connecting to them must find a route before it is redirected.
      inside(name, "ip", "route", "add", "default", "via", HUB_ADDRESS);
      nodes.push(new NetNode(name, address));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { hub: nodes[0]!, nodes: nodes.slice(1), close };
}

function inside(name: string, ...command: readonly string[]): void {
  run("ip", "netns", "exec", name, ...command);
}

function run(...command: readonly string[]): void {
  const [program, ...args] = command;
  try {
    execFileSync(program!, args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`${command.join(" ")}: ${stderr?.trim() || (error as Error).message}`);
  }
}
