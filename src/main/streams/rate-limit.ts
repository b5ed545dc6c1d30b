// A token bucket for new streams. Main thread, pure: time is an argument.

/** Lets `perSecond` through on average, and as many at once after a quiet second. */
export class RateLimit {
  private readonly perSecond: number;
  private readonly maxWaitMs: number;
  /** Below zero while reservations wait. */
  private tokens: number;
  private last: number | undefined;

  /** Reservations wait at most `maxWaitMs`. */
  constructor(perSecond: number, maxWaitMs: number) {
    this.perSecond = perSecond;
    this.maxWaitMs = maxWaitMs;
    this.tokens = perSecond;
  }

  /** Reserves the next token; gives the milliseconds to wait for it, or undefined when that would be too long. */
  reserve(nowMs: number): number | undefined {
    if (this.last !== undefined) {
      this.tokens = Math.min(this.perSecond, this.tokens + ((nowMs - this.last) * this.perSecond) / 1000);
    }
    this.last = nowMs;
    const wait = Math.max(0, Math.ceil(((1 - this.tokens) * 1000) / this.perSecond));
    if (wait > this.maxWaitMs) return undefined;
    this.tokens -= 1;
    return wait;
  }
}
