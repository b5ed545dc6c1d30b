// Follows the content of one file: edits in place, renames over it, and symlinks that are switched. Main thread.
import fs from "node:fs";
import path from "node:path";
import { errorMessage } from "../../shared/errors.ts";

export interface FileWatch {
  close(): void;
}

export interface FileWatchHandlers {
  /** The text differs from the last one that was seen. */
  readonly changed: (text: string) => void;
  /** The file can't be read any more; what it said last stays in force. */
  readonly unreadable: (reason: string) => void;
}

/** Notifications miss remote file systems and replaced parent folders; a look at the file's status does not. */
const POLL_MS = 2000;

/** Watches a file from a text that the caller has read already. */
export function watchFile(file: string, initial: string, handlers: FileWatchHandlers): FileWatch {
  let last = initial;
  let unreadable = false;
  let stamp = statStamp(file);
  let closed = false;
  const watchers = new Map<string, fs.FSWatcher>();

  const check = (): void => {
    if (closed) return;
    stamp = statStamp(file);
    watchFolders();
    let text: string;
    try {
      text = fs.readFileSync(file, "utf8");
    } catch (error) {
      if (!unreadable) handlers.unreadable(errorMessage(error));
      unreadable = true;
      return;
    }
    unreadable = false;
    // A file without text is most likely about to be written.
    if (text === last || text.trim() === "") return;
    last = text;
    handlers.changed(text);
  };

  const watchFolders = (): void => {
    const folders = new Set([path.dirname(file), realFolder(file)]);
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    for (const folder of folders) {
      if (!watchers.has(folder)) watchFolder(folder);
    }
  };

  const watchFolder = (folder: string): void => {
    const forget = (): void => {
      watchers.get(folder)?.close();
      watchers.delete(folder);
    };
    try {
      const watcher = fs.watch(folder, { persistent: false }, (_event, name) => {
        // The folder itself went away: the next look at the status watches what has taken its place.
        if (!fs.existsSync(folder)) forget();
        if (name === null || concerns(name, file)) check();
      });
      watcher.on("error", forget);
      watchers.set(folder, watcher);
    } catch {
      // Without notifications there is still the timer.
      watchers.delete(folder);
    }
  };

  watchFolders();
  const timer = setInterval(() => {
    if (statStamp(file) !== stamp) check();
  }, POLL_MS);
  timer.unref();
  return {
    close() {
      closed = true;
      clearInterval(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Events of neighbours don't matter, but `..data` is how Kubernetes switches a mounted ConfigMap. */
function concerns(name: string, file: string): boolean {
  if (name.startsWith("..") || name === path.basename(file)) return true;
  try {
    return name === path.basename(fs.realpathSync(file));
  } catch {
    return true;
  }
}

function realFolder(file: string): string {
  try {
    return path.dirname(fs.realpathSync(file));
  } catch {
    return path.dirname(file);
  }
}

function statStamp(file: string): string {
  try {
    const { ino, size, mtimeMs } = fs.statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return "";
  }
}
