// Metrics that are read when somebody asks for them, since what they tell is kept elsewhere. Main thread.
import { Counter, Gauge, type Registry } from "prom-client";

/** Registers metrics of one registry. */
export interface ScrapedMetrics {
  readonly read: (name: string, help: string, value: () => number) => void;
  /** For what only grows. */
  readonly readCounter: (
    name: string,
    help: string,
    labels: Readonly<Record<string, string>>,
    value: () => number,
  ) => void;
}

export function scrapedMetrics(registry: Registry): ScrapedMetrics {
  const registers = [registry];
  return {
    read(name, help, value) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    },
    readCounter(name, help, labels, value) {
      new Counter({
        name,
        help,
        labelNames: Object.keys(labels),
        registers,
        collect() {
          this.reset();
          this.inc(labels, value());
        },
      });
    },
  };
}
