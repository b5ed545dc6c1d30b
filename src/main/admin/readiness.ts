// Named conditions that must be over before the server is ready. Main thread.

/** Ready when nobody holds it any more. */
export class Readiness {
  private readonly held = new Set<string>();
  private waiting: (() => void)[] = [];

  /** Keeps the server from being ready until the function that it gives is called. */
  hold(name: string): () => void {
    this.held.add(name);
    return () => {
      this.held.delete(name);
      if (this.held.size > 0) return;
      const waiting = this.waiting;
      this.waiting = [];
      for (const resolve of waiting) resolve();
    };
  }

  get isReady(): boolean {
    return this.held.size === 0;
  }

  /** What is still awaited. */
  awaited(): string[] {
    return [...this.held];
  }

  whenReady(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }
}
