// Which names in a configuration folder count. Main thread.

/** Files that are being written, backups and hidden ones: what editors and Kubernetes leave beside the real files. */
export function isIgnoredName(name: string): boolean {
  return name.startsWith(".") || name.startsWith("#") || /(~|\.swp|\.swx|\.tmp|\.bak|#)$/.test(name);
}

/** Whether a file of this name holds configuration. */
export function isConfigFileName(name: string): boolean {
  return /\.(ya?ml|json)$/i.test(name) && !isIgnoredName(name);
}
