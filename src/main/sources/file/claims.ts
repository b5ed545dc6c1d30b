// Who defines which object: files claim objects, and of several claims to one object only one is in force. Main thread.
import { isDeepStrictEqual } from "node:util";
import { keyString, type ObjectKey } from "../../../shared/model/config.ts";
import type { MeshObject, SourceDelta } from "../../../shared/model/delta.ts";

/** A file's definition of an object. */
export interface Claim {
  readonly file: string;
  /** Counts definitions within the file. */
  readonly index: number;
  readonly object: MeshObject;
  /** The file no longer defines it, but may be about to do so again: it counts only where there is no other claim. */
  readonly stale: boolean;
  /** Line of the definition in the file. */
  readonly line: number;
}

/** An object that another claim has in force. */
export interface Conflict {
  readonly loser: Claim;
  readonly winner: Claim;
}

export function objectKey(object: MeshObject): ObjectKey {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
}

interface Entry {
  readonly key: ObjectKey;
  claims: Claim[];
  inForce: MeshObject | undefined;
}

/** The claims of all files, and the changes to what is in force that they lead to. */
export class Claims {
  private readonly entries = new Map<string, Entry>();
  private readonly byFile = new Map<string, Set<string>>();
  private readonly changed = new Map<string, Entry>();

  /** Replaces all claims of a file. Gives the other files whose conflicts may be different now. */
  replace(file: string, claims: readonly Claim[]): Set<string> {
    const touched = new Set<string>(this.byFile.get(file));
    const own = new Set<string>();
    for (const name of touched) {
      const entry = this.entries.get(name)!;
      entry.claims = entry.claims.filter((claim) => claim.file !== file);
    }
    for (const claim of claims) {
      const key = objectKey(claim.object);
      const name = keyString(key);
      let entry = this.entries.get(name);
      if (!entry) {
        entry = { key, claims: [], inForce: undefined };
        this.entries.set(name, entry);
      }
      entry.claims.push(claim);
      own.add(name);
      touched.add(name);
    }
    if (own.size > 0) this.byFile.set(file, own);
    else this.byFile.delete(file);
    const others = new Set<string>();
    for (const name of touched) {
      const entry = this.entries.get(name)!;
      if (entry.claims.length > 1) entry.claims.sort(byPrecedence);
      for (const claim of entry.claims) if (claim.file !== file) others.add(claim.file);
      this.changed.set(name, entry);
    }
    return others;
  }

  /** The claims of a file to objects that others have in force. */
  conflicts(file: string): Conflict[] {
    const out: Conflict[] = [];
    for (const name of this.byFile.get(file) ?? []) {
      const [winner, ...losers] = this.entries.get(name)!.claims;
      for (const loser of losers) if (loser.file === file && !loser.stale) out.push({ loser, winner: winner! });
    }
    return out.sort((a, b) => a.loser.index - b.loser.index);
  }

  /** What changed in force since the last call: only objects whose content is another one. */
  takeDelta(): SourceDelta {
    const upserts: MeshObject[] = [];
    const deletes: ObjectKey[] = [];
    for (const [name, entry] of this.changed) {
      const winner = entry.claims[0]?.object;
      if (winner === undefined) {
        if (entry.inForce) deletes.push(entry.key);
        this.entries.delete(name);
      } else if (winner !== entry.inForce) {
        if (!entry.inForce || !sameContent(winner, entry.inForce)) upserts.push(winner);
        entry.inForce = winner;
      }
    }
    this.changed.clear();
    return { upserts, deletes };
  }
}

function byPrecedence(a: Claim, b: Claim): number {
  if (a.stale !== b.stale) return a.stale ? 1 : -1;
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.index - b.index;
}

/** Equal in everything but where they were read. */
function sameContent(a: MeshObject, b: MeshObject): boolean {
  return isDeepStrictEqual({ ...a, origin: null }, { ...b, origin: null });
}
