// Profiles of the running process in the format of Go's pprof, as at istiod's /debug/pprof. Main thread.
//
// They are of all threads, with each sample labelled by its thread. Samplers are loaded when they are first asked for.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { samplerProblem, startSampling } from "../../shared/profiling/sampler.ts";
import type { ProfileKind } from "../../shared/protocol/profile.ts";
import type { ThreadProfile, WorkerProfiles } from "../pool/worker-profiles.ts";
import type { HttpAnswer, HttpRequest, Route } from "./http-server.ts";

const DEFAULT_SECONDS = 10;
const MAX_SECONDS = 300;
const MAIN = "main";
/** How long workers may take to hand over what they have. */
const WORKERS_LIMIT_MS = 5_000;

const compress = promisify(gzip);

interface Wanted {
  readonly kind: ProfileKind;
  readonly seconds: number;
  /** All threads when absent. */
  readonly thread: string | undefined;
}

interface Page {
  readonly help: string;
  readonly answer: Route;
}

/** Takes one profile at a time. */
export class Profiler {
  private readonly workers: WorkerProfiles | undefined;
  private running: { readonly kind: ProfileKind; readonly end: () => void } | undefined;

  /** Without `workers`, of the main thread only. */
  constructor(workers?: WorkerProfiles) {
    this.workers = workers;
  }

  /** The pages by path. */
  routes(): Map<string, Page> {
    const help = [
      `for ?seconds=${DEFAULT_SECONDS}, of all threads, told apart by the label "thread"`,
      "or of one: ?thread=main, ?thread=worker-1; in pprof's format",
    ].join(", ");
    const page = (kind: ProfileKind, what: string): Page => ({
      help: `${what}, ${help}`,
      answer: (request: HttpRequest) => this.answer(kind, request),
    });
    return new Map([
      ["/debug/pprof/profile", page("cpu", "Where CPU time goes")],
      ["/debug/pprof/heap", page("heap", "What allocates memory that stays")],
      ["/debug/pprof/cmdline", { help: "The command line", answer: () => ({ body: process.argv.join("\0") }) }],
    ]);
  }

  /** Ends a profile that is being taken, with what it has. */
  close(): void {
    this.running?.end();
  }

  private async answer(kind: ProfileKind, { query }: HttpRequest): Promise<HttpAnswer> {
    const seconds = Number(query.get("seconds") ?? DEFAULT_SECONDS);
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
      return { status: 400, body: `seconds: a number up to ${MAX_SECONDS} is needed\n` };
    }
    const thread = query.get("thread") ?? undefined;
    const threads = [MAIN, ...(this.workers?.names() ?? [])];
    if (thread !== undefined && !threads.includes(thread)) {
      return { status: 400, body: `thread: one of ${threads.join(", ")} is needed, or none for all\n` };
    }
    if (this.running) return { status: 409, body: `a ${this.running.kind} profile is being taken already\n` };
    const problem = samplerProblem();
    if (problem !== undefined) return { status: 501, body: `profiles cannot be taken here: ${problem}\n` };

    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const timer = setTimeout(end, seconds * 1000);
    this.running = { kind, end };
    try {
      const parts = await this.sample({ kind, seconds, thread }, over);
      if (parts.length === 0) return { status: 503, body: `nothing came from ${thread}; the log says why\n` };
      return { type: "application/octet-stream", body: await inOne(parts, thread === undefined) };
    } finally {
      clearTimeout(timer);
      this.running = undefined;
    }
  }

  /** Samples until `over`. */
  private async sample({ kind, seconds, thread }: Wanted, over: Promise<void>): Promise<ThreadProfile[]> {
    const own = thread === undefined || thread === MAIN ? startSampling(kind, seconds) : undefined;
    const others = thread === MAIN ? undefined : this.workers?.start(kind, seconds, thread);
    await over;
    // Workers end theirs while this thread does.
    const theirs = others?.stop(WORKERS_LIMIT_MS) ?? [];
    const mine = own ? [{ thread: MAIN, bytes: own.stop() }] : [];
    return [...mine, ...(await theirs)];
  }
}

/** What pprof reads, of all parts. The code for it is loaded with the first profile. */
async function inOne(parts: readonly ThreadProfile[], native: boolean): Promise<Uint8Array> {
  const { mergeProfiles } = await import("./merge-profiles.ts");
  return compress(await mergeProfiles(parts, native));
}
