// One running Envoy: started with a bootstrap, asked through its admin port, ended with its owner. Main thread.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ADMIN_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3000;

export interface EnvoyOptions {
  readonly binary: string;
  readonly bootstrap: object;
  /** Gets each line of Envoy's log. */
  readonly onLog: (line: string) => void;
  readonly logLevel?: string;
  /** Words that the command begins with, such as `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

/** `stop` ends the process; it may be called again. */
export class EnvoyProcess {
  /** Of the admin server: HOST:PORT. */
  readonly admin: string;
  /** Settled when the process has ended, with a text that says how. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private readonly onStop: () => void;

  private constructor(child: ChildProcess, ended: Promise<string>, admin: string, onStop: () => void) {
    this.child = child;
    this.onStop = onStop;
    this.ended = ended;
    this.admin = admin;
  }

  /** Resolves when the admin server answers, which is before any configuration has come. */
  static async start(options: EnvoyOptions): Promise<EnvoyProcess> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-envoy-"));
    const config = path.join(folder, "bootstrap.json");
    const adminFile = path.join(folder, "admin");
    fs.writeFileSync(config, JSON.stringify(options.bootstrap));
    const [program, ...args] = [
      ...(options.prefix ?? []),
      ...[options.binary, "--config-path", config, "--admin-address-path", adminFile],
      ...["--disable-hot-restart", "--concurrency", "1", "--drain-time-s", "1"],
      ...["--log-level", options.logLevel ?? "warning", "--log-format", "%l\t%n\t%v"],
    ];
    const output = openPipe(path.join(folder, "output"));
    const child = spawn(program!, args, { stdio: ["ignore", output.write, output.write] });
    fs.closeSync(output.write);
    let last = "";
    let stopping = false;
    const take = (line: string): void => {
      last = line;
      // What it says about being stopped is no news.
      if (!stopping) options.onLog(line);
    };
    const read = forEachLine(output.read, take);
    const exited = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `status ${code}`));
    });
    const ended = exited.then(async (how) => {
      await read;
      return `${how}${last ? `; last line: ${last}` : ""}`;
    });
    let end: string | undefined;
    void ended.then((how) => {
      end = how;
      fs.rmSync(folder, { recursive: true, force: true });
    });
    const deadline = performance.now() + ADMIN_TIMEOUT_MS;
    for (;;) {
      if (end !== undefined) throw new Error(`Envoy ended: ${end}`);
      const admin = fs.existsSync(adminFile) ? fs.readFileSync(adminFile, "utf8").trim() : "";
      if (admin !== "") {
        return new EnvoyProcess(child, ended, admin, () => {
          stopping = true;
        });
      }
      if (performance.now() > deadline) {
        child.kill("SIGKILL");
        throw new Error(`Envoy did not start within ${ADMIN_TIMEOUT_MS} ms; last line: ${last}`);
      }
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    this.onStop();
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

/**
 * A named pipe for what a process writes. Access logs go to /dev/stdout, which Envoy opens by name: that fails for the sockets that Node
 * gives to its children.
 */
function openPipe(name: string): { readonly read: net.Socket; readonly write: number } {
  execFileSync("mkfifo", [name]);
  const read = fs.openSync(name, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const write = fs.openSync(name, fs.constants.O_WRONLY);
  return { read: new net.Socket({ fd: read, readable: true, writable: false }), write };
}

/** Resolves when the stream is over. */
function forEachLine(stream: net.Socket, take: (line: string) => void): Promise<void> {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") take(line);
  });
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.once("close", () => {
      if (rest !== "") take(rest);
      resolve();
    });
  });
}
