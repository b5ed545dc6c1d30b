// One running Envoy: started with a bootstrap, asked through its admin port, ended with its owner. Main thread.
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
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
    const child = spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"] });
    let last = "";
    let stopping = false;
    const take = (line: string): void => {
      last = line;
      // What it says about being stopped is no news.
      if (!stopping) options.onLog(line);
    };
    for (const stream of [child.stdout, child.stderr]) forEachLine(stream, take);
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) =>
        resolve(`${signal ?? `status ${code}`}${last ? `; last line: ${last}` : ""}`),
      );
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

function forEachLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  let rest = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") take(line);
  });
  stream?.on("end", () => {
    if (rest !== "") take(rest);
  });
}
