// Gathers a generator's resources into the one buffer that crosses to the main thread. Worker threads.
import type { Writer } from "protobufjs/minimal.js";
import type { GeneratedSet } from "../../shared/protocol/output.ts";
import type { XdsType } from "../../shared/xds-types.ts";

/** Gives 16 hex digits over bytes. */
export type HashBytes = (bytes: Uint8Array) => string;

/** A generated message's codec, as protobufjs makes it. */
export interface Codec<T> {
  encode(message: T, writer?: Writer): Writer;
}

/** A serialized resource, or one that generators put together with others. */
export interface EncodedPart {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** 16 hex digits over the bytes. */
  readonly hash: string;
}

/** The bytes of a resource after a change; undefined for one that is left out. `hash` is for whoever wants to remember. */
export type EditResource = (name: string, bytes: Uint8Array, hash: HashBytes) => Uint8Array | undefined;

/** Resources that are worth a buffer of their own. */
const LARGE_BYTES = 64 * 1024;
const NOTHING = new Uint8Array();

/** Where generators put their resources. */
export class ResourceSink {
  private readonly names: string[] = [];
  private readonly parts: Uint8Array[] = [];
  private readonly hashes: string[] = [];
  private readonly hash: HashBytes;
  private readonly onWarning: (object: string, reason: string) => void;
  private readonly own = new Map<number, Uint8Array>();
  private size = 0;
  private edit: EditResource | undefined;

  constructor(hash: HashBytes, onWarning: (object: string, reason: string) => void) {
    this.hash = hash;
    this.onWarning = onWarning;
  }

  /** Serializes and takes one resource. */
  add<T>(name: string, codec: Codec<T>, message: T): void {
    this.addBytes(name, codec.encode(message).finish());
  }

  /** Serializes one resource, for whoever wants to keep it. */
  encode<T>(name: string, codec: Codec<T>, message: T): EncodedPart {
    const bytes = codec.encode(message).finish();
    return { name, bytes, hash: this.hash(bytes) };
  }

  /** Takes a resource that is serialized already. */
  addBytes(name: string, bytes: Uint8Array, hash?: string): void {
    const edited = this.edit ? this.edit(name, bytes, this.hash) : bytes;
    if (!edited) return;
    this.names.push(name);
    this.parts.push(edited);
    this.hashes.push(hash !== undefined && edited === bytes ? hash : this.hash(edited));
    this.size += edited.length;
  }

  /**
   * Takes a serialized resource together with its buffer, which must hold nothing else and be nobody else's. A large one is
   * moved to the main thread as it is, and not copied.
   */
  addOwned(name: string, bytes: Uint8Array): void {
    const at = this.parts.length;
    this.addBytes(name, bytes);
    if (bytes.length < LARGE_BYTES || this.parts[at] !== bytes) return;
    this.own.set(at, bytes);
    this.parts[at] = NOTHING;
    this.size -= bytes.length;
  }

  /** Runs a generator, and changes each resource that it adds. */
  edited(edit: EditResource, generate: () => void): void {
    this.edit = edit;
    try {
      generate();
    } finally {
      this.edit = undefined;
    }
  }

  /** One of its own for what is only looked at. */
  aside(): ResourceSink {
    return new ResourceSink(this.hash, () => undefined);
  }

  /** The names of what was taken. */
  taken(): ReadonlySet<string> {
    return new Set(this.names);
  }

  /** Notes something in the configuration that had to be left out. `object` is `Kind/namespace/name` or "". */
  warn(object: string, reason: string): void {
    this.onWarning(object, reason);
  }

  /** Everything taken; the bytes are in buffers that nobody else has. */
  finish(type: XdsType): GeneratedSet {
    const bytes = new Uint8Array(new ArrayBuffer(this.size));
    const offsets = new Uint32Array(this.parts.length + 1);
    let at = 0;
    this.parts.forEach((part, i) => {
      offsets[i] = at;
      bytes.set(part, at);
      at += part.length;
    });
    offsets[this.parts.length] = at;
    return { type, names: this.names, hashes: this.hashes, offsets, bytes, own: this.own };
  }
}
