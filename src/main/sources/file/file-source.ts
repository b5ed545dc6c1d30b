// The file source: a folder of YAML and JSON files, followed as it changes. Main thread.
import fs from "node:fs";
import path from "node:path";
import { errorMessage } from "../../../shared/errors.ts";
import { keyString } from "../../../shared/model/config.ts";
import type { Rejection, SourceDelta } from "../../../shared/model/delta.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { ValidateObject } from "../../validation/validate-object.ts";
import { type Claim, Claims, objectKey } from "./claims.ts";
import { contentRejections, type DocumentRecord, readContent } from "./file-content.ts";
import { FolderWatch } from "./folder-watch.ts";

/** Where a source hands its findings to. */
export interface SourceSink {
  /** Objects that really changed. */
  apply(delta: SourceDelta): void;
  /** All rejections of a file or folder, whenever they change; an empty list when it is clean now. */
  rejected(file: string, rejections: readonly Rejection[]): void;
}

export interface FileSourceOptions {
  readonly dir: string;
  readonly log: Logger;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly sink: SourceSink;
  readonly validate: ValidateObject;
  /**
   * How long an object that is gone from its file stays in force: editors empty a file before they write it, and
   * objects move from file to file. New and changed objects never wait. Milliseconds, 50 by default.
   */
  readonly removalDelayMs?: number;
}

export interface FileSource {
  /** Resolves when all that is in the folder has been handed on. */
  start(): Promise<void>;
  close(): void;
}

/** Longest run of work between two turns of the event loop, but for a single document that takes longer. */
const SLICE_MS = 8;
/** Longest time that changes wait for others, after the first full read. */
const FLUSH_MS = 20;

interface FileState {
  /** Of the last text that was read, to notice that nothing changed without reading. */
  stamp: string;
  text: string | undefined;
  records: DocumentRecord[];
  claims: readonly Claim[];
  /** Why the file can't be read; "" when it can. */
  unreadable: string;
  /** The rejections that the sink knows, as text. */
  reported: string;
  timer: NodeJS.Timeout | undefined;
}

type Task = "read" | "look" | "expire";

export function createFileSource(options: FileSourceOptions): FileSource {
  return new FolderSource(options);
}

class FolderSource implements FileSource {
  private readonly options: FileSourceOptions;
  private readonly watch: FolderWatch;
  private readonly states = new Map<string, FileState>();
  private readonly claims = new Claims();
  private readonly queue = new Map<string, Task>();
  private readonly folderProblems = new Map<string, string>();
  private working: Promise<void> | undefined;
  private sliceStart = 0;
  /** Unset until the first full read is handed on, which is not divided. */
  private flushedAt: number | undefined;
  private starting = true;
  private closed = false;

  constructor(options: FileSourceOptions) {
    this.options = options;
    this.watch = new FolderWatch({
      root: path.resolve(options.dir),
      log: options.log,
      touched: (file, sure) => this.enqueue(file, sure ? "read" : "look"),
      unreadable: (folder, reason) => this.folderReadable(folder, reason),
    });
  }

  async start(): Promise<void> {
    await this.watch.start();
    this.starting = false;
    await this.work();
  }

  close(): void {
    this.closed = true;
    this.watch.close();
    this.queue.clear();
    for (const state of this.states.values()) clearTimeout(state.timer);
  }

  private enqueue(file: string, task: Task): void {
    const waiting = this.queue.get(file);
    if (waiting === undefined || task === "read") this.queue.set(file, task);
    if (!this.starting) void this.work();
  }

  /** Works until the queue is empty; never twice at a time. */
  private work(): Promise<void> {
    this.working ??= this.drain().finally(() => {
      this.working = undefined;
    });
    return this.working;
  }

  private async drain(): Promise<void> {
    this.sliceStart = this.options.now();
    while (this.queue.size > 0 && !this.closed) {
      const [file, task] = this.queue.entries().next().value!;
      this.queue.delete(file);
      try {
        await this.process(file, task);
        // What belongs together is handed on together, but a file doesn't wait for hundreds of others.
        const due = this.flushedAt !== undefined && this.options.now() - this.flushedAt > FLUSH_MS;
        if (this.queue.size === 0 || due) this.flush();
      } catch (error) {
        this.options.log.error({ file, reason: errorMessage(error) }, "cannot process file");
      }
    }
  }

  /** Gives other work its turn when this one had enough. */
  private pause(): Promise<void> | undefined {
    const now = this.options.now();
    if (now - this.sliceStart < SLICE_MS) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.sliceStart = this.options.now();
        resolve();
      });
    });
  }

  private async process(file: string, task: Task): Promise<void> {
    const state = this.states.get(file) ?? newState();
    if (task === "expire") {
      this.takeClaims(
        file,
        state,
        state.claims.filter((claim) => !claim.stale),
      );
      return;
    }
    const waited = this.pause();
    if (waited) await waited;
    const read = await readFile(file, task === "look" ? state.stamp : "");
    if (this.closed || read.outcome === "same") return;
    this.states.set(file, state);
    if (read.outcome === "unreadable") {
      // What it said last stays in force.
      state.unreadable = read.reason;
      state.stamp = "";
      this.report(file, state);
      return;
    }
    state.unreadable = "";
    state.stamp = read.outcome === "text" ? read.stamp : "";
    const text = read.outcome === "text" ? read.text : "";
    if (text === state.text && read.outcome === "text") {
      this.report(file, state);
      return;
    }
    state.text = read.outcome === "text" ? text : undefined;
    await this.takeText(file, state, text);
  }

  private async takeText(file: string, state: FileState, text: string): Promise<void> {
    const { log, validate } = this.options;
    const records = await readContent(text, state.records, {
      file,
      validate,
      warned: (object, line, warning) =>
        log.warn({ file, line, object: keyString(objectKey(object)) }, `configuration warning: ${warning}`),
      skipped: (what, line) => log.debug({ file, line }, `skipped ${what}`),
      pause: () => this.pause(),
    });
    if (this.closed) return;
    state.records = records;
    const fresh = records.flatMap((record) =>
      record.definitions.map((d) => ({ object: d.object, line: record.line + d.offset })),
    );
    const claims: Claim[] = fresh.map((d, index) => ({ ...d, file, index, stale: false }));
    const present = new Set(claims.map((claim) => keyString(objectKey(claim.object))));
    // Objects that are missing may be those that were rejected, or stand in what can't be read.
    const problems = records.flatMap((record) => record.problems);
    const rejected = new Set(problems.map((problem) => (problem.key ? keyString(problem.key) : "")));
    const broken = rejected.has("");
    for (const claim of state.claims) {
      const name = keyString(objectKey(claim.object));
      if (present.has(name)) continue;
      present.add(name);
      const held = broken || rejected.has(name);
      claims.push({ ...claim, index: claims.length, stale: !held });
    }
    this.takeClaims(file, state, claims);
  }

  private takeClaims(file: string, state: FileState, claims: readonly Claim[]): void {
    const { removalDelayMs = 50 } = this.options;
    clearTimeout(state.timer);
    state.timer = undefined;
    const stale = claims.some((claim) => claim.stale);
    state.claims = stale && removalDelayMs === 0 ? claims.filter((claim) => !claim.stale) : claims;
    if (stale && removalDelayMs > 0) {
      state.timer = setTimeout(() => this.enqueue(file, "expire"), removalDelayMs);
    }
    const others = this.claims.replace(file, state.claims);
    this.report(file, state);
    for (const other of others) this.report(other, this.states.get(other)!);
    if (state.claims.length === 0 && state.text === undefined) {
      this.states.delete(file);
      this.watch.dropFile(file);
    }
  }

  /** Hands on what changed in force. */
  private flush(): void {
    if (this.closed) return;
    this.flushedAt = this.options.now();
    const delta = this.claims.takeDelta();
    if (delta.upserts.length > 0 || delta.deletes.length > 0) this.options.sink.apply(delta);
  }

  private report(file: string, state: FileState): void {
    const rejections = contentRejections(file, state.records);
    if (state.unreadable !== "") rejections.unshift({ source: file, field: "", reason: state.unreadable });
    for (const { loser, winner } of this.claims.conflicts(file)) {
      rejections.push({
        source: file,
        line: loser.line,
        key: objectKey(loser.object),
        field: "",
        reason: `is defined in ${winner.file}:${winner.line} already, which is in force`,
      });
    }
    const text = rejections.length === 0 ? "" : JSON.stringify(rejections);
    if (text === state.reported) return;
    state.reported = text;
    this.options.sink.rejected(file, rejections);
  }

  private folderReadable(folder: string, reason: string): void {
    if ((this.folderProblems.get(folder) ?? "") === reason) return;
    if (reason === "") this.folderProblems.delete(folder);
    else this.folderProblems.set(folder, reason);
    this.options.sink.rejected(folder, reason === "" ? [] : [{ source: folder, field: "", reason }]);
  }
}

function newState(): FileState {
  return { stamp: "", text: undefined, records: [], claims: [], unreadable: "", reported: "", timer: undefined };
}

type ReadOutcome =
  | { readonly outcome: "text"; readonly text: string; readonly stamp: string }
  | { readonly outcome: "same" }
  | { readonly outcome: "missing" }
  | { readonly outcome: "unreadable"; readonly reason: string };

/**
 * Up to this size a file is read at once. Elsewhere its reading would take several turns of the event loop, each as long as
 * thousands of proxies need for their acknowledgements: changes would come in faster than they are read.
 */
const READ_AT_ONCE_BYTES = 256 * 1024;

/** Reads a file, unless its status is the one in `stamp`. */
function readFile(file: string, stamp: string): ReadOutcome | Promise<ReadOutcome> {
  try {
    // The status comes first: a change after it shows in the next one.
    const stats = fs.statSync(file, { bigint: true });
    if (!stats.isFile()) return { outcome: "missing" };
    const found = `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
    if (found === stamp) return { outcome: "same" };
    const read = (text: string): ReadOutcome => ({ outcome: "text", text, stamp: found });
    if (stats.size <= READ_AT_ONCE_BYTES) return read(fs.readFileSync(file, "utf8"));
    return fs.promises.readFile(file, "utf8").then(read, notRead);
  } catch (error) {
    return notRead(error);
  }
}

function notRead(error: unknown): ReadOutcome {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return { outcome: "missing" };
  return { outcome: "unreadable", reason: `cannot be read: ${errorMessage(error)}` };
}
