// A histogram that is observed for each response to each proxy. Main thread.
//
// prom-client checks labels and makes a key of them at each observation, which took as long as finding out what to send. Here an
// observation is a look-up and an addition; what is exported is the same.
import type { Histogram, MetricValueWithName, Registry } from "prom-client";

export interface HotHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, increasing; one above all others is implied. */
  readonly buckets: readonly number[];
  /** The one label that it has, if any. */
  readonly label?: string;
  readonly registry: Registry;
}

/** What was observed under one label. */
interface Observed {
  /** By bucket, the implied one last; each observation is in one. */
  readonly counts: number[];
  sum: number;
}

/** What the registry prints of a metric. */
interface Exported {
  readonly name: string;
  readonly help: string;
  readonly type: "histogram";
  readonly aggregator: "sum";
  readonly values: MetricValueWithName<string>[];
}

/** Counts values in buckets. */
export class HotHistogram {
  readonly name: string;
  private readonly options: HotHistogramOptions;
  private readonly byLabel = new Map<string, Observed>();

  constructor(options: HotHistogramOptions) {
    this.options = options;
    this.name = options.name;
    if (options.label === undefined) this.observed("");
    // The registry asks a metric for its name, `get` and `reset`, and nothing else.
    options.registry.registerMetric(this as unknown as Histogram);
  }

  /** `label`: the label's value; "" for a histogram without one. */
  observe(value: number, label = ""): void {
    const observed = this.byLabel.get(label) ?? this.observed(label);
    const { buckets } = this.options;
    let at = 0;
    while (at < buckets.length && value > buckets[at]!) at++;
    observed.counts[at]!++;
    observed.sum += value;
  }

  /** As prom-client's histograms export themselves. */
  async get(): Promise<Exported> {
    const { name, help } = this.options;
    const values = [...this.byLabel].flatMap(([label, observed]) => this.export(label, observed));
    return { name, help, type: "histogram", aggregator: "sum", values };
  }

  reset(): void {
    this.byLabel.clear();
  }

  private observed(label: string): Observed {
    const observed = { counts: new Array<number>(this.options.buckets.length + 1).fill(0), sum: 0 };
    this.byLabel.set(label, observed);
    return observed;
  }

  private export(value: string, { counts, sum }: Observed): MetricValueWithName<string>[] {
    const { name, buckets, label } = this.options;
    const labels = label === undefined ? {} : { [label]: value };
    let total = 0;
    const cumulative = counts.map((count, i) => {
      total += count;
      return { labels: { le: buckets[i] ?? "+Inf", ...labels }, value: total, metricName: `${name}_bucket` };
    });
    return [
      ...cumulative,
      { labels, value: sum, metricName: `${name}_sum` },
      { labels, value: total, metricName: `${name}_count` },
    ];
  }
}
