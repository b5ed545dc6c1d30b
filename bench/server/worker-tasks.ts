// How many tasks the server's workers have had, and how many of them were long: from its metrics, as an operator sees them.
import http from "node:http";
import { text } from "node:stream/consumers";

/** Since the start of the server, or between two moments. */
export interface WorkerTasks {
  readonly tasks: number;
  /** Those that took longer than 50 ms. */
  readonly longTasks: number;
}

/** The histogram whose bucket of 50 ms divides tasks into short and long ones. */
const METRIC = "mizzen_worker_task_seconds";

/** Asks a server at HOST:PORT; undefined where its metrics don't say, as those of older revisions. */
export async function askWorkerTasks(address: string, timeoutMs: number): Promise<WorkerTasks | undefined> {
  return workerTasksIn(await metricsOf(address, timeoutMs));
}

/** What a page of metrics says. */
export function workerTasksIn(page: string): WorkerTasks | undefined {
  const tasks = sample(page, `${METRIC}_count`);
  const short = sample(page, `${METRIC}_bucket{le="0.05"}`);
  if (tasks === undefined || short === undefined) return undefined;
  return { tasks, longTasks: tasks - short };
}

/** What has come between two moments; nothing where one of them isn't known. */
export function tasksBetween(before?: WorkerTasks, after?: WorkerTasks): Partial<WorkerTasks> {
  if (!before || !after) return {};
  return { tasks: after.tasks - before.tasks, longTasks: after.longTasks - before.longTasks };
}

function sample(page: string, name: string): number | undefined {
  const line = page.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

/** "" where the server has no such page. Over a connection of its own: the server may have closed one that was idle in a step. */
function metricsOf(address: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get(`http://${address}/metrics`, { agent: false, timeout: timeoutMs }, (response) => {
      text(response).then((page) => resolve(response.statusCode === 200 ? page : ""), reject);
    });
    request.on("timeout", () => request.destroy(new Error("no answer to a request for metrics in time")));
    request.on("error", reject);
  });
}
