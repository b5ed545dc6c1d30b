// Metrics of the process, also under the names that istiod's dashboards know from Go. Main thread.
import fs from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Gauge, type Registry } from "prom-client";
import { scrapedMetrics } from "./scraped-metrics.ts";

const PAGE_BYTES = 4096;

/** Registers them; the function that it gives ends what they measure with. */
export function registerProcessMetrics(registry: Registry): () => void {
  const { read, readCounter } = scrapedMetrics(registry);
  const memory = (pick: (m: NodeJS.MemoryUsage) => number) => () => pick(process.memoryUsage());
  readCounter("process_cpu_seconds_total", "CPU time of all threads.", {}, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  read("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  read("process_virtual_memory_bytes", "Virtual memory.", () => statm(0) * PAGE_BYTES);
  read("process_open_fds", "Open files and sockets.", openFiles);
  read("process_start_time_seconds", "When the process was started.", () => Date.now() / 1000 - process.uptime());

  // The dashboards' panels of Go's memory: the nearest that V8 has.
  const heapUsed = memory((m) => m.heapUsed);
  read("go_goroutines", "Things that keep the event loop alive.", () => process.getActiveResourcesInfo().length);
  read("go_memstats_heap_inuse_bytes", "Heap in use.", heapUsed);
  read("go_memstats_heap_alloc_bytes", "Heap in use.", heapUsed);
  read("go_memstats_alloc_bytes", "Heap in use.", heapUsed);
  read(
    "go_memstats_heap_sys_bytes",
    "Heap taken from the system.",
    memory((m) => m.heapTotal),
  );
  read(
    "go_memstats_stack_inuse_bytes",
    "Memory outside of the heap: buffers and what the threads share.",
    memory((m) => m.external),
  );
  readCounter("go_memstats_alloc_bytes_total", "Heap in use; V8 doesn't count what it ever allocated.", {}, heapUsed);
  readCounter("go_memstats_mallocs_total", "Not counted by V8.", {}, () => 0);

  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const quantiles = new Gauge({
    name: "mizzen_event_loop_delay_seconds",
    help: "How late the event loop was, since the last scrape.",
    labelNames: ["quantile"],
    registers: [registry],
    collect() {
      for (const quantile of [50, 90, 99, 99.9, 100]) {
        const ns = quantile === 100 ? delay.max : delay.percentile(quantile);
        quantiles.set({ quantile: String(quantile / 100) }, Math.max(0, ns / 1e9 - 0.01));
      }
      delay.reset();
    },
  });
  return () => {
    delay.disable();
  };
}

/** A field of /proc/self/statm, in pages; 0 where there is no such file. */
function statm(field: number): number {
  try {
    return Number(fs.readFileSync("/proc/self/statm", "utf8").split(" ")[field] ?? 0);
  } catch {
    return 0;
  }
}

function openFiles(): number {
  try {
    return fs.readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
