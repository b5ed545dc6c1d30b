// The broadcast channel on which workers follow the snapshots. Any thread.

/** What is posted for each new snapshot: its step, which carries only the segments that changed. */
export const SNAPSHOT_CHANNEL = "mizzen-snapshots";

/** The channel's name for one pool, so that several pools of a process (tests) don't hear each other. */
export function snapshotChannelName(poolId: string): string {
  return `${SNAPSHOT_CHANNEL}/${poolId}`;
}
