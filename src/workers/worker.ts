// The pool threads' entry: takes up snapshots, generates what a task asks for, answers with bytes. Worker threads only.
import { BroadcastChannel, isMainThread, type MessagePort, receiveMessageOnPort, threadId } from "node:worker_threads";
import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import xxhash from "xxhash-wasm";
import { assertNever } from "../shared/assert.ts";
import { errorCode, MizzenError } from "../shared/errors.ts";
import type { ProxyViewRef } from "../shared/model/proxy.ts";
import type { ProxyView } from "../shared/model/view.ts";
import { BusyTable } from "../shared/protocol/busy-table.ts";
import type { Announcement, BatchTask, GenerateTask, WorkerStartup, WorkerTask } from "../shared/protocol/input.ts";
import type { BatchGenerated, Generated, GeneratedSet, TaskFailed } from "../shared/protocol/output.ts";
import { LAYOUT_REVISION } from "../shared/snapshot/layout.ts";
import type { XdsType } from "../shared/xds-types.ts";
import { SnapshotStore } from "./attach.ts";
import type { PushContext } from "./context/push-context.ts";
import { ResourceSink } from "./encode/resource-sink.ts";
import { GENERATORS } from "./generators/table.ts";
import { profile } from "./profiling.ts";
import { rehearse } from "./rehearsal.ts";
import { yieldToMain } from "./yield-to-main.ts";

if (isMainThread) throw new MizzenError("MIZZEN_ERR_INVARIANT", "worker.ts was loaded on the main thread");

/** Views whose parsed form a worker keeps. */
const MAX_VIEWS = 4096;
/** The answer to tasks that ask for nothing. */
const NOTHING: Generated = { ok: true, sets: [], warnings: [], attachMs: 0, generateMs: 0 };

yieldToMain();

const startup = workerData as WorkerStartup;
if (startup.layoutRevision !== LAYOUT_REVISION) {
  throw new MizzenError(
    "MIZZEN_ERR_LAYOUT",
    `the main thread writes layout revision ${startup.layoutRevision}, this worker reads ${LAYOUT_REVISION}`,
  );
}

const { h64Raw } = await xxhash();
const hash = (bytes: Uint8Array): string => h64Raw(bytes).toString(16).padStart(16, "0");

const busy = new BusyTable(startup.busy);
busy.enter(threadId);
const snapshots = new SnapshotStore();
const channel = new BroadcastChannel(startup.channel);
// Tasks are taken without turning the event loop, so announcements are drained by hand. The channel must not hold the thread.
channel.unref();
const views = new Map<string, ProxyView>();

/** Takes up all that was announced since the last task. */
function drainChannel(): void {
  for (;;) {
    // Node takes either; its declarations know only ports.
    const received = receiveMessageOnPort(channel as unknown as MessagePort) as { message: Announcement } | undefined;
    if (!received) return;
    const { message } = received;
    if (message.tag === "step") snapshots.step(message.step);
    else profile(message);
  }
}

function viewOf(ref: ProxyViewRef): ProxyView {
  const key = ref.plain ? `${ref.id} plain` : ref.id;
  let view = views.get(key);
  if (!view) {
    view = JSON.parse(ref.json) as ProxyView;
    if (ref.plain) view = { ...view, sightNamespace: "" };
    if (views.size >= MAX_VIEWS) views.delete(views.keys().next().value!);
    views.set(key, view);
  }
  return view;
}

type Item = BatchTask["items"][number];

/** The indices that a task works on. */
function attach(task: GenerateTask | BatchTask): PushContext {
  snapshots.forget(task.oldestInUse);
  if (task.complete) snapshots.step(task.complete);
  return snapshots.context(task.version);
}

function generate(ctx: PushContext, item: Item, attachMs: number): Generated | TaskFailed {
  const started = performance.now();
  const view = viewOf(item.view);
  const warnings: { object: string; reason: string }[] = [];
  const sets: GeneratedSet[] = [];
  for (const want of item.wants) {
    const sink = new ResourceSink(hash, (object, reason) => warnings.push({ object, reason }));
    try {
      const { names, part, slice } = want;
      GENERATORS[want.type]({ ctx, view, viewId: item.view.id, names, part, slice }, sink);
    } catch (error) {
      return failed(error, want.type);
    }
    sets.push(sink.finish(want.type));
  }
  return { ok: true, sets, warnings, attachMs, generateMs: performance.now() - started };
}

function generateBatch(task: BatchTask): BatchGenerated {
  const started = performance.now();
  const ctx = attach(task);
  const attached = performance.now();
  const items = task.items.map((item) => generate(ctx, item, 0));
  return { ok: true, items, attachMs: attached - started, generateMs: performance.now() - attached };
}

function failed(error: unknown, type?: XdsType): TaskFailed {
  const cause = error instanceof Error ? error : new Error(String(error));
  return {
    ok: false,
    code: errorCode(error, "MIZZEN_ERR_GENERATE"),
    message: cause.message,
    stack: cause.stack ?? "",
    ...(type ? { type } : {}),
  };
}

function buffersOf({ bytes, own }: GeneratedSet): ArrayBuffer[] {
  return [bytes, ...own.values()].map(({ buffer }) => buffer as ArrayBuffer);
}

/** The answer with the bytes moved to the main thread instead of copied. */
function moved(result: Generated | BatchGenerated): unknown {
  const answers = "items" in result ? result.items : [result];
  const buffers = answers.flatMap((a) => (a.ok ? a.sets.flatMap(buffersOf) : []));
  return move({ [transferableSymbol]: buffers, [valueSymbol]: result });
}

/**
 * Runs one task and gives a WorkerResult, maybe wrapped for the pool to move its bytes. Never throws: failures are
 * answers, so that one bad view cannot reject a batch.
 */
export default function run(task: WorkerTask): unknown {
  busy.turn(threadId);
  try {
    drainChannel();
    switch (task.tag) {
      case "warm": {
        const ctx = snapshots.newestContext();
        if (ctx && task.rehearsal) {
          const { view, budgetMs } = task.rehearsal;
          rehearse(ctx, viewOf(view), view.id, hash, budgetMs);
        }
        return NOTHING;
      }
      case "wake":
        return NOTHING;
      case "generate": {
        const started = performance.now();
        const ctx = attach(task);
        const result = generate(ctx, task, performance.now() - started);
        return result.ok ? moved(result) : result;
      }
      case "batch":
        return moved(generateBatch(task));
      default:
        return assertNever(task, "task");
    }
  } catch (error) {
    return failed(error);
  } finally {
    busy.turn(threadId);
  }
}
