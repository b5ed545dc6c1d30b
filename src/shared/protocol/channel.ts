// The broadcast channel on which a pool makes its announcements to its workers. Any thread.

/** The channel's name for one pool, so that several pools of a process (tests) don't hear each other. */
export function poolChannelName(poolId: string): string {
  return `mizzen-pool/${poolId}`;
}
