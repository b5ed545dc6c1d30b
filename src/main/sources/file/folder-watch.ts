// Knows the files of a folder with its subfolders, and says which of them may have changed. Main thread.
//
// Each folder has one notification of the system, which names the file: a change costs the same however many files
// there are. (chokidar watches every file, and reads the whole folder again for each change in it.)
import fs from "node:fs";
import path from "node:path";
import { errorMessage } from "../../../shared/errors.ts";
import type { Logger } from "../../telemetry/log.ts";
import { isConfigFileName, isIgnoredName } from "./file-names.ts";

export interface FolderWatchOptions {
  readonly root: string;
  readonly log: Logger;
  /** A file appeared, went away, or may have other content. With `sure` unset, its status tells whether it has. */
  readonly touched: (file: string, sure: boolean) => void;
  /** A folder can't be read, "" when it can again. Files that were seen in it are not touched. */
  readonly unreadable: (folder: string, reason: string) => void;
}

/** Some file systems don't notify, and the system drops notifications when there are too many: look from time to time. */
const RESCAN_MS = 30_000;

/** One look through a folder. */
interface Scan {
  readonly sure: boolean;
  readonly seen: Set<string>;
  readonly failed: string[];
}

export class FolderWatch {
  private readonly options: FolderWatchOptions;
  /** Folders by the path they were found under, which may lead through symlinks. */
  private readonly folders = new Map<string, fs.FSWatcher | null>();
  private readonly files = new Set<string>();
  /** Symlinked files, by the folder that they really are in. */
  private readonly links = new Map<string, { watcher: fs.FSWatcher; files: Map<string, string> }>();
  private parent: fs.FSWatcher | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(options: FolderWatchOptions) {
    this.options = options;
  }

  /** Touches every file once; changes from then on are not missed. */
  async start(): Promise<void> {
    const { root } = this.options;
    // The folder itself may be replaced by another one of its name.
    this.parent = this.watch(path.dirname(root), (name) => {
      if (name === path.basename(root)) this.rescan(root, true);
    });
    await this.scanTree(root, true);
    if (this.closed) return;
    this.timer = setInterval(() => this.rescan(root, false), RESCAN_MS);
    this.timer.unref();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.parent?.close();
    for (const watcher of this.folders.values()) watcher?.close();
    for (const link of this.links.values()) link.watcher.close();
    this.folders.clear();
    this.links.clear();
  }

  private rescan(folder: string, sure: boolean): void {
    if (this.closed) return;
    this.scanTree(folder, sure).catch((error: unknown) => {
      this.options.log.error({ folder, reason: errorMessage(error) }, "cannot look through folder");
    });
  }

  private watch(folder: string, changed: (name: string | null, event: string) => void): fs.FSWatcher | undefined {
    try {
      const watcher = fs.watch(folder, (event, name) => {
        if (!this.closed) changed(name, event);
      });
      watcher.on("error", () => watcher.close());
      return watcher;
    } catch (error) {
      this.options.log.warn({ folder, reason: errorMessage(error) }, "folder is not watched; changes are seen late");
      return undefined;
    }
  }

  private async scanTree(folder: string, sure: boolean): Promise<void> {
    // Its watches may belong to another folder, which had this name before.
    if (sure) this.forget(folder);
    const scan: Scan = { sure, seen: new Set(), failed: [] };
    await this.scan(folder, scan, new Set());
    if (this.closed) return;
    for (const file of this.files) {
      if (scan.seen.has(file) || !isBelow(file, folder)) continue;
      // What was in a folder that can't be read is left as it is.
      if (!scan.failed.some((failed) => isBelow(file, failed))) this.touch(file, true);
    }
  }

  /** Reads a folder and those below it. `above` holds the real paths on the way here, since links can make circles. */
  private async scan(folder: string, scan: Scan, above: ReadonlySet<string>): Promise<void> {
    let entries: fs.Dirent[];
    let real: string;
    try {
      real = await fs.promises.realpath(folder);
      if (above.has(real) || this.closed) return;
      // Watched before it is read, so that nothing falls in between.
      if (!this.folders.get(folder)) {
        const watcher = this.watch(folder, (name, event) => this.noticed(folder, name, event));
        this.folders.set(folder, watcher ?? null);
      }
      entries = await fs.promises.readdir(folder, { withFileTypes: true });
    } catch (error) {
      this.scanFailed(folder, scan, error as NodeJS.ErrnoException);
      return;
    }
    if (this.closed) return;
    this.options.unreadable(folder, "");
    const around = new Set([...above, real]);
    for (const entry of entries) {
      const full = path.join(folder, entry.name);
      if (isIgnoredName(entry.name)) continue;
      if (isConfigFileName(entry.name) && !entry.isDirectory()) {
        scan.seen.add(full);
        if (entry.isSymbolicLink()) await this.followLink(full);
        this.touch(full, scan.sure);
      } else if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(full)))) {
        await this.scan(full, scan, around);
      }
    }
  }

  private scanFailed(folder: string, scan: Scan, error: NodeJS.ErrnoException): void {
    this.forget(folder);
    const gone = error.code === "ENOENT" || error.code === "ENOTDIR";
    // Losing the whole folder is more likely a mistake or a moment of change than a wish to have no configuration.
    if (gone && folder !== this.options.root) {
      this.options.unreadable(folder, "");
      return;
    }
    scan.failed.push(folder);
    this.options.unreadable(folder, errorMessage(error));
  }

  /** Stops watching a folder and those below it. */
  private forget(folder: string): void {
    for (const [name, watcher] of this.folders) {
      if (name !== folder && !isBelow(name, folder)) continue;
      watcher?.close();
      this.folders.delete(name);
    }
  }

  private touch(file: string, sure: boolean): void {
    this.files.add(file);
    this.options.touched(file, sure);
  }

  /** A file that is gone need not be looked for any more. */
  dropFile(file: string): void {
    this.files.delete(file);
    for (const [folder, link] of this.links) {
      if (!link.files.delete(file) || link.files.size > 0) continue;
      link.watcher.close();
      this.links.delete(folder);
    }
  }

  private noticed(folder: string, name: string | null, event: string): void {
    // `..data` is what Kubernetes switches to change all files of a mounted ConfigMap at once.
    if (name === null || name.startsWith("..")) {
      this.rescan(folder, true);
      return;
    }
    if (isIgnoredName(name)) return;
    const full = path.join(folder, name);
    const wasFolder = this.folders.has(full);
    if (isConfigFileName(name) && !wasFolder) this.touch(full, true);
    fs.lstat(full, (error, stats) => {
      if (this.closed) return;
      if (error) {
        if (wasFolder) this.rescan(full, true);
      } else if (stats.isDirectory()) {
        // Other than by its name, a folder changes in its permissions.
        this.rescan(full, event === "rename");
      } else if (stats.isSymbolicLink()) {
        this.noticedLink(full);
      }
    });
  }

  private noticedLink(full: string): void {
    if (!isConfigFileName(path.basename(full))) {
      isFolder(full).then(
        (folder) => folder && this.rescan(full, true),
        () => undefined,
      );
      return;
    }
    this.followLink(full).then(
      () => this.touch(full, true),
      () => undefined,
    );
  }

  /** Watches the folder where a symlinked file really is. */
  private async followLink(file: string): Promise<void> {
    const real = await fs.promises.realpath(file).catch(() => undefined);
    if (real === undefined || this.closed) return;
    const folder = path.dirname(real);
    for (const [other, link] of this.links) if (other !== folder) link.files.delete(file);
    const known = this.links.get(folder);
    if (known) {
      known.files.set(file, path.basename(real));
      return;
    }
    const files = new Map([[file, path.basename(real)]]);
    const watcher = this.watch(folder, (name) => {
      for (const [linked, target] of files) if (name === null || name === target) this.touch(linked, true);
    });
    if (watcher) this.links.set(folder, { watcher, files });
  }
}

function isBelow(inner: string, folder: string): boolean {
  return inner.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
}

async function isFolder(name: string): Promise<boolean> {
  const stats = await fs.promises.stat(name).catch(() => undefined);
  return stats?.isDirectory() ?? false;
}
