// A page in a headless Chromium, driven over a pipe by the DevTools protocol.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import type { TestContext } from "node:test";
import { pathToFileURL } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** How long the browser may take for one answer. */
const ANSWER_MS = 60_000;
/** How long it may take to end by itself. */
const CLOSE_MS = 10_000;

export interface BrowserPage {
  /** What the console, the log and exceptions that nobody caught had to say, except for plain output. */
  readonly problems: readonly string[];
  /** The value of an expression, awaited if it is a promise; it must be JSON. */
  evaluate<T>(expression: string): Promise<T>;
  /** Sends a command of the protocol to the page. */
  send(method: string, params?: object): Promise<unknown>;
}

/** Undefined when there is no Chromium, after the test was marked as skipped. The browser ends with the test. */
export async function openPage(t: TestContext, file: string): Promise<BrowserPage | undefined> {
  const binary = findChromium();
  if (binary === undefined) {
    t.skip(`there is none of ${NAMES.join(", ")} on the path, and no CHROMIUM in the environment`);
    return undefined;
  }
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "mizzen-chromium-"));
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];
  const child = spawn(binary, [...args, `--user-data-dir=${profile}`, "--remote-debugging-pipe"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    // A group of its own, to be ended with all its processes.
    detached: true,
  });
  const browser = new DevTools(child);
  t.after(async () => {
    // All its processes go with it, so that nobody writes to the folder any more.
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  const { targetId } = await browser.send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await browser.send<{ sessionId: string }>("Target.attachToTarget", { targetId, flatten: true });
  const send = <T>(method: string, params: object = {}): Promise<T> => browser.send<T>(method, params, sessionId);
  for (const domain of ["Runtime", "Log", "Page"]) await send(`${domain}.enable`);
  const loaded = browser.event("Page.loadEventFired");
  await send("Page.navigate", { url: pathToFileURL(file).href });
  await loaded;
  return {
    problems: browser.problems,
    send,
    evaluate: async <T>(expression: string) => {
      const wanted = { expression, awaitPromise: true, returnByValue: true };
      const answer = await send<{ result: { value: T }; exceptionDetails?: object }>("Runtime.evaluate", wanted);
      assert.equal(answer.exceptionDetails, undefined, JSON.stringify(answer.exceptionDetails));
      return answer.result.value;
    },
  };
}

function findChromium(): string | undefined {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => fs.existsSync(file));
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A browser's pipe: messages are JSON with a zero byte at their end. */
class DevTools {
  readonly problems: string[] = [];
  private readonly child: ChildProcess;
  private readonly output: Writable;
  private readonly pending = new Map<number, (message: Message) => void>();
  private readonly awaited = new Map<string, () => void>();
  private sent = 0;
  private ended: string | undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    this.output = child.stdio[3] as Writable;
    const input = child.stdio[4] as Readable;
    let rest = "";
    input.setEncoding("utf8");
    input.on("data", (chunk: string) => {
      const messages = (rest + chunk).split("\0");
      rest = messages.pop() ?? "";
      for (const message of messages) this.receive(JSON.parse(message) as Message);
    });
    // Writing to a browser that has gone; its exit says so.
    this.output.on("error", () => undefined);
    child.once("error", (error) => this.end(error.message));
    child.once("exit", (code, signal) => this.end(`Chromium ended with ${code ?? signal}`));
  }

  send<T>(method: string, params: object, sessionId?: string): Promise<T> {
    const id = ++this.sent;
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) {
        reject(new Error(this.ended));
        return;
      }
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new Error(`${method}: no answer`));
      }, ANSWER_MS);
      this.pending.set(id, ({ result, error }) => {
        clearTimeout(timer);
        this.pending.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result as T);
      });
      this.output.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** Ends the browser: as it likes to end, or at once when it doesn't. */
  async close(): Promise<void> {
    if (this.ended !== undefined) return;
    const exit = once(this.child, "exit");
    const timer = setTimeout(() => process.kill(-this.child.pid!, "SIGKILL"), CLOSE_MS);
    await Promise.allSettled([this.send("Browser.close", {}), exit]);
    clearTimeout(timer);
  }

  /** Resolves with the next event of that name. */
  event(method: string): Promise<void> {
    return new Promise((resolve) => this.awaited.set(method, resolve));
  }

  private receive(message: Message): void {
    if (message.id !== undefined) this.pending.get(message.id)?.(message);
    const { method, params } = message;
    if (method === undefined) return;
    this.awaited.get(method)?.();
    this.awaited.delete(method);
    const plain = ["log", "info", "debug"].includes(String(params?.type));
    if (
      method === "Runtime.exceptionThrown" ||
      method === "Log.entryAdded" ||
      (method === "Runtime.consoleAPICalled" && !plain)
    )
      this.problems.push(JSON.stringify(params));
  }

  private end(reason: string): void {
    this.ended = reason;
    for (const answer of [...this.pending.values()]) answer({ error: { message: reason } });
    for (const over of this.awaited.values()) over();
  }
}
