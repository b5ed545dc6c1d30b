// What Linux says about a process and the machine, from /proc. Reading it costs the process itself nothing.
import fs from "node:fs";

/** Linux counts in steps of 10 ms. */
const TICK_MS = 10;

/** User and system time of a process with all its threads, milliseconds. 0 when it has ended. */
export function processCpuMs(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  // The command in parentheses may have spaces; user and system time are the 14th and 15th fields.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS;
}

/** Busy time of all cores since the start of the machine, milliseconds. */
export function machineBusyMs(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = read("/proc/stat")
    .slice(0, 200)
    .split("\n")[0]!
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq) * TICK_MS;
}

/** Resident memory now, and its highest value since `resetPeak`, in MiB. */
export function residentMiB(pid: number): { readonly rssMiB: number; readonly peakMiB: number } {
  const status = read(`/proc/${pid}/status`);
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
  return { rssMiB: field("VmRSS"), peakMiB: field("VmHWM") };
}

/** Lets VmHWM of a process start anew; the owner of the process may do so. */
export function resetPeak(pid: number): void {
  fs.writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    // The process has ended.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}
