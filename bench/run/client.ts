// The benchmark's side of the client process: commands with their answers, and what it reports unasked.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientAnswer, ClientCommand, ClientMessage } from "../client/messages.ts";
import { own } from "../lib/owned.ts";

const PROCESS = fileURLToPath(new URL("../client/client-process.js", import.meta.url));
const ANSWER_TIMEOUT_MS = 300_000;

type Answer<Tag extends ClientAnswer["tag"]> = Extract<ClientAnswer, { tag: Tag }>;

export class BenchClient {
  readonly pid: number;
  private readonly child: ChildProcess;
  private readonly release: () => void;
  private readonly waiting = new Map<number, { resolve(answer: ClientAnswer): void; reject(error: Error): void }>();
  private last = 0;
  private failure: Error | undefined;
  private onReached: (() => void) | undefined;
  private onFailed: ((error: Error) => void) | undefined;

  private constructor(child: ChildProcess) {
    this.child = child;
    this.pid = child.pid!;
    this.release = own(() => child.kill("SIGKILL"));
    child.on("message", (message: ClientMessage) => this.take(message));
    child.once("exit", () => this.fail(new Error("the client process ended")));
  }

  static async start(): Promise<BenchClient> {
    const child = fork(PROCESS, { stdio: "inherit" });
    const client = new BenchClient(child);
    await new Promise<void>((resolve, reject) => {
      child.once("message", () => resolve());
      client.onFailed = reject;
    });
    client.onFailed = undefined;
    return client;
  }

  /** Rejects when the command fails, or the process ends. */
  async ask<Tag extends ClientAnswer["tag"]>(command: ClientCommand, _answer: Tag): Promise<Answer<Tag>> {
    if (this.failure) throw this.failure;
    const id = ++this.last;
    let timer: NodeJS.Timeout | undefined;
    try {
      return (await new Promise<ClientAnswer>((resolve, reject) => {
        this.waiting.set(id, { resolve, reject });
        timer = setTimeout(() => reject(new Error(`no answer to "${command.tag}" in time`)), ANSWER_TIMEOUT_MS);
        this.child.send({ id, body: command });
      })) as Answer<Tag>;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  async tell(command: ClientCommand): Promise<void> {
    await this.ask(command, "done");
  }

  /**
   * Resolves with true when all proxies that are waited for are reached, with false after `timeoutMs`, or when `giveUp` says
   * so. Call it before what makes them arrive. Rejects when a stream ends.
   */
  reached(timeoutMs: number, giveUp?: () => Promise<boolean>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let checking = false;
      const started = Date.now();
      const timer = setInterval(() => {
        if (Date.now() - started > timeoutMs) settle(() => resolve(false));
        else if (giveUp && !checking) {
          checking = true;
          giveUp().then(
            (hopeless) => {
              checking = false;
              if (hopeless) settle(() => resolve(false));
            },
            (error: unknown) => settle(() => reject(error as Error)),
          );
        }
      }, 250);
      const settle = (how: () => void): void => {
        clearInterval(timer);
        this.onReached = undefined;
        this.onFailed = undefined;
        how();
      };
      this.onReached = () => settle(() => resolve(true));
      this.onFailed = (error) => settle(() => reject(error));
      if (this.failure) this.onFailed(this.failure);
    });
  }

  /** Throws what has gone wrong since the start, if anything. */
  check(): void {
    if (this.failure) throw this.failure;
  }

  close(): void {
    this.child.removeAllListeners("exit");
    this.release();
  }

  private take(message: ClientMessage): void {
    switch (message.tag) {
      case "ready":
        return;
      case "reached":
        this.onReached?.();
        return;
      case "stream-ended":
        this.fail(new Error(`the stream of proxy ${message.proxy} ended: ${message.reason}`));
        return;
      case "answer":
        this.waiting.get(message.id)?.resolve(message.answer);
        return;
      case "failed":
        this.waiting.get(message.id)?.reject(new Error(message.reason));
        return;
    }
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.onFailed?.(error);
    for (const { reject } of this.waiting.values()) reject(error);
  }
}
