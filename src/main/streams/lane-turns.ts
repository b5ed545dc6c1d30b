// Who is next where proxies that have nothing yet and all others wait beside each other. Main thread, pure.

export type Lane = "fresh" | "known";

/** They take turns: neither a storm of new proxies nor a push to all holds up the others. */
export class LaneTurns {
  private last: Lane = "known";

  /** The lane that is next, of those in which somebody waits. */
  next(freshWait: boolean, knownWait: boolean): Lane {
    const other = this.last === "fresh" ? "known" : "fresh";
    this.last = freshWait && knownWait ? other : freshWait ? "fresh" : "known";
    return this.last;
  }
}
