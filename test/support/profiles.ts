// What stands in a profile as pprof reads it.
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";

export interface ReadProfile {
  /** Value types, in their order. */
  readonly types: readonly string[];
  /** Names of functions on the stacks of each thread, by the label `thread`. */
  readonly functions: ReadonlyMap<string, ReadonlySet<string>>;
  readonly samples: readonly ReadSample[];
}

export interface ReadSample {
  readonly thread: string;
  /** From the innermost call outwards, as `function file`. */
  readonly stack: readonly string[];
  readonly values: readonly number[];
}

export function readProfile(gzipped: Uint8Array): ReadProfile {
  const profile = Profile.decode(gunzipSync(gzipped));
  const text = (index: number | bigint): string => profile.stringTable.strings[Number(index)] ?? "";
  const functions = new Map(
    profile.function.map((f) => [Number(f.id), { name: text(f.name), file: text(f.filename) }]),
  );
  const frames = new Map(profile.location.map((l) => [Number(l.id), functions.get(Number(l.line[0]?.functionId))!]));
  const byThread = new Map<string, Set<string>>();
  const samples = profile.sample.map(({ locationId, value, label }) => {
    const thread = text(label.find(({ key }) => text(key) === "thread")?.str ?? 0);
    const stack = locationId.map((id) => frames.get(Number(id))!);
    const names = byThread.get(thread) ?? new Set();
    byThread.set(thread, names);
    for (const { name } of stack) names.add(name);
    return { thread, stack: stack.map(({ name, file }) => `${name} ${file}`), values: value.map(Number) };
  });
  return { types: profile.sampleType.map(({ type }) => text(type)), functions: byThread, samples };
}
