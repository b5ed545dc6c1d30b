// Profiles of the running process in the format of Go's pprof, as at istiod's /debug/pprof. Main thread.
//
// They are of the main thread: `make flame` also draws the workers. The native profiler is loaded when it is first asked for.
import { errorMessage } from "../../shared/errors.ts";
import type { HttpAnswer, HttpRequest, Route } from "./http-server.ts";

const DEFAULT_SECONDS = 10;
const MAX_SECONDS = 300;
/** As often as Go's profiler and `node --cpu-prof` do about. */
const CPU_INTERVAL_MICROS = 1_000;
const HEAP_INTERVAL_BYTES = 512 * 1024;
const HEAP_STACK_DEPTH = 64;

type Pprof = typeof import("@datadog/pprof");
type Kind = "profile" | "heap";

/** Takes one profile at a time. */
export class Profiler {
  private running: { readonly kind: Kind; readonly end: () => void } | undefined;

  /** The pages by path. */
  routes(): Map<string, { readonly help: string; readonly answer: Route }> {
    const help = `for ?seconds=${DEFAULT_SECONDS}, of the main thread, in pprof's format`;
    return new Map([
      [
        "/debug/pprof/profile",
        { help: `Where CPU time goes, ${help}`, answer: (r: HttpRequest) => this.take("profile", r) },
      ],
      [
        "/debug/pprof/heap",
        { help: `What allocates memory that stays, ${help}`, answer: (r: HttpRequest) => this.take("heap", r) },
      ],
      ["/debug/pprof/cmdline", { help: "The command line", answer: () => ({ body: process.argv.join("\0") }) }],
    ]);
  }

  /** Ends a profile that is being taken. */
  close(): void {
    this.running?.end();
  }

  private async take(kind: Kind, { query }: HttpRequest): Promise<HttpAnswer> {
    const seconds = Number(query.get("seconds") ?? DEFAULT_SECONDS);
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
      return { status: 400, body: `seconds: a number up to ${MAX_SECONDS} is needed\n` };
    }
    if (this.running) return { status: 409, body: `a ${this.running.kind} profile is being taken already\n` };
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.running = { kind, end };
    try {
      const pprof = await load();
      if (typeof pprof === "string") return { status: 501, body: `profiles cannot be taken here: ${pprof}\n` };
      const body = await (kind === "heap" ? heap(pprof, over) : cpu(pprof, over));
      return { type: "application/octet-stream", body };
    } finally {
      end();
      this.running = undefined;
    }
  }
}

/** The profiler, or why there is none: its native part is not built for every platform. */
async function load(): Promise<Pprof | string> {
  try {
    const module = await import("@datadog/pprof");
    return (module as unknown as { default?: Pprof }).default ?? module;
  } catch (error) {
    return errorMessage(error);
  }
}

async function cpu({ time, encode }: Pprof, over: Promise<void>): Promise<Uint8Array> {
  time.start({ intervalMicros: CPU_INTERVAL_MICROS });
  await over;
  return encode(time.stop());
}

async function heap({ heap: sampler, encode }: Pprof, over: Promise<void>): Promise<Uint8Array> {
  sampler.start(HEAP_INTERVAL_BYTES, HEAP_STACK_DEPTH);
  try {
    await over;
    return await encode(sampler.profile());
  } finally {
    sampler.stop();
  }
}
