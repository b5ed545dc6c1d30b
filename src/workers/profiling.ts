// This thread's part in a profile of the process: starts and stops the sampler when it is announced. Worker threads.
import { parentPort, threadId } from "node:worker_threads";
import { errorMessage } from "../shared/errors.ts";
import { type Sampling, startSampling } from "../shared/profiling/sampler.ts";
import type { ProfileReply, ProfileStart, ProfileStop } from "../shared/protocol/profile.ts";

let running: { readonly id: number; readonly sampling: Sampling } | undefined;

/** Takes up an announcement, and answers the main thread. Never throws. */
export function profile(command: ProfileStart | ProfileStop): void {
  const { id } = command;
  try {
    if (command.tag === "profile-stop") stop(id);
    else if (command.threads.includes(threadId)) start(command);
  } catch (error) {
    reply({ tag: "profile-failed", id, thread: threadId, reason: errorMessage(error) });
  }
}

function start({ id, kind, seconds }: ProfileStart): void {
  if (running?.id !== id) {
    // One that nobody asked the result of.
    running?.sampling.stop();
    running = undefined;
    running = { id, sampling: startSampling(kind, seconds) };
  }
  reply({ tag: "profile-started", id, thread: threadId });
}

function stop(id: number): void {
  if (running?.id !== id) {
    // All hear of the end, also who had no part in it or has answered.
    reply({ tag: "profile-failed", id, thread: threadId, reason: "nothing was sampled" });
    return;
  }
  const { sampling } = running;
  running = undefined;
  const bytes = sampling.stop();
  reply({ tag: "profile-done", id, thread: threadId, bytes }, [bytes.buffer as ArrayBuffer]);
}

function reply(message: ProfileReply, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
