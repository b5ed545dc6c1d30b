// Makes one profile of those of several threads, with each sample labelled by its thread. Main thread.
import { setImmediate as turn } from "node:timers/promises";
import { Function as Func, Label, Line, Location, Profile, Sample, StringTable, ValueType } from "pprof-format";
import type { ThreadProfile } from "../pool/worker-profiles.ts";

/** The label's key, as in `go tool pprof -tagfocus=thread=main`. */
const THREAD_LABEL = "thread";
/** What the label says of threads that run no JavaScript: V8's collectors and compilers, libuv's pool, the samplers. */
const NATIVE = "native";
/**
 * The function that the main thread's part has for those: all CPU time of the process that no sampled thread has used,
 * so that it means something only when all are sampled.
 */
const NATIVE_FUNCTION = "Non JS threads activity";

/**
 * Gives pprof's protobuf, not compressed. The parts are of one kind; functions that threads share are in it once.
 * `native` says whether threads without JavaScript are to be in it.
 */
export async function mergeProfiles(parts: readonly ThreadProfile[], native: boolean): Promise<Uint8Array> {
  const merged = new MergedProfile(native);
  for (const { thread, bytes } of parts) {
    merged.add(thread, Profile.decode(bytes));
    // Streams are served between the parts.
    await turn();
  }
  return merged.profile.encodeAsync();
}

class MergedProfile {
  readonly profile = new Profile({ stringTable: new StringTable() });
  private readonly functions = new Map<string, number>();
  private readonly locations = new Map<string, number>();
  private readonly native: boolean;

  constructor(native: boolean) {
    this.native = native;
  }

  add(thread: string, part: Profile): void {
    const { profile } = this;
    const text = (index: number | bigint): string => part.stringTable.strings[Number(index)] ?? "";
    const own = (index: number | bigint): number => profile.stringTable.dedup(text(index));
    const typed = ({ type, unit }: ValueType): ValueType => new ValueType({ type: own(type), unit: own(unit) });
    if (profile.sampleType.length === 0) {
      profile.sampleType = part.sampleType.map(typed);
      if (part.periodType) profile.periodType = typed(part.periodType);
      profile.period = part.period;
      profile.timeNanos = part.timeNanos;
    }
    if (part.durationNanos > profile.durationNanos) profile.durationNanos = part.durationNanos;

    const functions = new Map(
      part.function.map((f) => {
        const key = JSON.stringify([text(f.name), text(f.filename), Number(f.startLine)]);
        const [name, systemName, filename] = [own(f.name), own(f.systemName), own(f.filename)];
        const make = (id: number) => new Func({ id, name, systemName, filename, startLine: f.startLine });
        return [Number(f.id), idOf(this.functions, key, profile.function, make)];
      }),
    );
    const locations = new Map(
      part.location.map((l) => {
        const lines = l.line.map((line) => [functions.get(Number(line.functionId)) ?? 0, Number(line.line)] as const);
        const make = (id: number) =>
          new Location({ id, line: lines.map(([functionId, line]) => new Line({ functionId, line })) });
        return [Number(l.id), idOf(this.locations, JSON.stringify(lines), profile.location, make)];
      }),
    );
    const label = (of: string) =>
      new Label({ key: profile.stringTable.dedup(THREAD_LABEL), str: profile.stringTable.dedup(of) });
    const labels = [label(thread)];
    const nativeLabels = [label(NATIVE)];
    const isNative = nativeLocations(part);
    for (const { locationId, value } of part.sample) {
      const native = isNative.has(Number(locationId[0]));
      if (native && !this.native) continue;
      const stack = locationId.map((id) => locations.get(Number(id)) ?? 0);
      profile.sample.push(new Sample({ locationId: stack, value, label: native ? nativeLabels : labels }));
    }
  }
}

/** Ids of the locations that stand for threads without JavaScript. */
function nativeLocations({ function: functions, location, stringTable }: Profile): Set<number> {
  const named = functions.filter(
    (f) => stringTable.strings[Number(f.name)] === NATIVE_FUNCTION && Number(f.filename) === 0,
  );
  const ids = new Set(named.map((f) => Number(f.id)));
  return new Set(
    location.filter((l) => l.line.some((line) => ids.has(Number(line.functionId)))).map((l) => Number(l.id)),
  );
}

/** The id of what `key` stands for; ids are places in `all`, from 1. */
function idOf<T>(ids: Map<string, number>, key: string, all: T[], make: (id: number) => T): number {
  let id = ids.get(key);
  if (id === undefined) {
    id = all.length + 1;
    ids.set(key, id);
    all.push(make(id));
  }
  return id;
}
