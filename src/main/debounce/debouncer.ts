// The one timer behind the debounce window. Main thread.
import type { PushRequest, RegistryChange } from "../../shared/model/push-request.ts";
import { type DebounceOptions, DebounceWindow } from "./debounce-window.ts";

/** The window's times, the clock, and where requests go. */
export interface DebouncerOptions extends DebounceOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Gets each merged request when it is due, and the next one when it is done with that. */
  readonly push: (request: PushRequest) => Promise<void>;
  /** Told of a push that failed; what changes later is pushed nevertheless. */
  readonly onError: (error: unknown) => void;
}

/** Calls `push` when the window says so. */
export class Debouncer {
  private readonly window: DebounceWindow;
  private readonly options: DebouncerOptions;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  private pushing = false;

  constructor(options: DebouncerOptions) {
    this.options = options;
    this.window = new DebounceWindow(options);
  }

  offer(change: RegistryChange): void {
    this.window.offer(change, this.options.now());
    this.arm();
  }

  close(): void {
    clearTimeout(this.timer);
    this.timerAt = Number.NEGATIVE_INFINITY;
  }

  /** A timer that rings too early only looks and is set again: a storm doesn't set one for each change. */
  private arm(): void {
    const due = this.window.nextDue();
    if (due === undefined || due >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = due;
    this.timer = setTimeout(() => this.ring(), Math.max(0, due - this.options.now()));
  }

  private ring(): void {
    this.timerAt = Number.POSITIVE_INFINITY;
    if (this.pushing) return;
    const request = this.window.due(this.options.now());
    if (!request) {
      this.arm();
      return;
    }
    this.pushing = true;
    this.options
      .push(request)
      .catch(this.options.onError)
      .finally(() => {
        this.pushing = false;
        if (this.timerAt === Number.POSITIVE_INFINITY) this.arm();
      });
  }
}
