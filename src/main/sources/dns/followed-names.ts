// Addresses of names that DNS knows, asked for again when an answer has had its time. Main thread.
import { errorMessage } from "../../../shared/errors.ts";
import type { Schedule } from "../../../shared/schedule.ts";
import type { Logger } from "../../telemetry/log.ts";

/** What DNS says of a name. */
export interface DnsAnswer {
  /** Of both families. */
  readonly addresses: readonly string[];
  /** How long it holds. */
  readonly ttlSeconds: number;
}

export interface FollowedNamesOptions {
  /** Rejects where there is no answer. */
  readonly resolve: (name: string) => Promise<DnsAnswer>;
  readonly schedule: Schedule;
  /** Gets the addresses of all names that were answered so far, sorted, when they are other ones. */
  readonly changed: (addresses: ReadonlyMap<string, readonly string[]>) => void;
  readonly log: Logger;
}

/** As istiod: answers that hold shorter are asked for no sooner, and so are names without one. */
const SHORTEST_MS = 30_000;
/** What timers can take is about 24 days. */
const LONGEST_MS = 24 * 3600 * 1000;

/** Names whose addresses are kept up to date until it is closed. */
export class FollowedNames {
  private readonly options: FollowedNamesOptions;
  private readonly addresses = new Map<string, readonly string[]>();
  /** What calls off the next question, for each name that is followed; undefined while one is under way. */
  private readonly pending = new Map<string, (() => void) | undefined>();
  /** Names without an answer, of which the log knows. */
  private readonly failing = new Set<string>();

  constructor(options: FollowedNamesOptions) {
    this.options = options;
  }

  /** Follows these names and no others. Names that are new are asked for at once. */
  follow(names: readonly string[]): void {
    const wanted = new Set(names);
    let changed = false;
    for (const name of [...this.pending.keys()]) {
      if (wanted.has(name)) continue;
      this.pending.get(name)?.();
      this.pending.delete(name);
      this.failing.delete(name);
      changed = this.addresses.delete(name) || changed;
    }
    for (const name of wanted) if (!this.pending.has(name)) this.ask(name);
    if (changed) this.options.changed(new Map(this.addresses));
  }

  /** Asks no more; answers that are still to come are dropped. */
  close(): void {
    for (const callOff of this.pending.values()) callOff?.();
    this.pending.clear();
  }

  private ask(name: string): void {
    const { resolve, schedule } = this.options;
    // A name that was let go and is wanted again has a question of its own.
    const asked = (): void => undefined;
    this.pending.set(name, asked);
    const then = (afterMs: number, take: () => void): void => {
      if (this.pending.get(name) !== asked) return;
      const wait = Math.min(Math.max(afterMs, SHORTEST_MS), LONGEST_MS);
      this.pending.set(
        name,
        schedule(wait, () => this.ask(name)),
      );
      take();
    };
    resolve(name).then(
      (answer) => then(answer.ttlSeconds * 1000, () => this.answered(name, answer)),
      (error: unknown) => then(SHORTEST_MS, () => this.failed(name, error)),
    );
  }

  private answered(name: string, answer: DnsAnswer): void {
    const { log, changed } = this.options;
    if (this.failing.delete(name)) log.info({ name }, "the name has addresses again");
    const addresses = [...new Set(answer.addresses)].sort();
    if (addresses.join() === this.addresses.get(name)?.join()) return;
    this.addresses.set(name, addresses);
    changed(new Map(this.addresses));
  }

  /** What was known last is better than nothing. */
  private failed(name: string, error: unknown): void {
    if (this.failing.has(name)) return;
    this.failing.add(name);
    this.options.log.warn(
      { name, reason: errorMessage(error) },
      "the name can't be resolved; addresses that were known stay in force",
    );
  }
}
