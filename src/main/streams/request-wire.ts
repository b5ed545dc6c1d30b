// Decodes discovery requests by hand: a proxy repeats its node, which may be large, and only the first one is read.
// Main thread, pure.
import protobuf from "protobufjs/minimal.js";
import { errorMessage, MizzenError } from "../../shared/errors.ts";

/** What a NACK says: google.rpc.Status. */
export interface ErrorDetail {
  readonly code: number;
  readonly message: string;
}

/** A state-of-the-world request. */
export interface SotwRequest {
  /** The serialized node; undefined when the request has none. */
  readonly node: Uint8Array | undefined;
  readonly typeUrl: string;
  readonly versionInfo: string;
  /** Decoded when it is read: most requests repeat names that are known. */
  readonly names: readonly string[];
  /** The serialized names; undefined when they don't stand together. Valid as long as the request's own bytes. */
  readonly namesBytes: Uint8Array | undefined;
  readonly nonce: string;
  readonly error: ErrorDetail | undefined;
}

/** A delta request. */
export interface DeltaRequest {
  readonly node: Uint8Array | undefined;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Resource name to version: what the proxy has from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  readonly error: ErrorDetail | undefined;
}

type Reader = protobuf.Reader;
type Field = (reader: Reader) => void;

/**
 * Reads an `envoy.service.discovery.v3.DiscoveryRequest`. Throws MIZZEN_ERR_PROTOCOL.
 * `repeated`: serialized names of earlier requests of the stream. Acknowledgements have the same again, which are passed over
 * as a whole where they stand.
 */
export function decodeSotwRequest(bytes: Uint8Array, repeated: readonly Uint8Array[] = []): SotwRequest {
  const out = { node: undefined as Uint8Array | undefined, typeUrl: "", versionInfo: "", nonce: "" };
  const span = new NamesSpan(bytes, repeated);
  let error: ErrorDetail | undefined;
  readFields(bytes, {
    1: (r) => {
      out.versionInfo = r.string();
    },
    2: (r) => {
      out.node = r.bytes();
    },
    [NAMES_FIELD]: (r) => span.skip(r),
    4: (r) => {
      out.typeUrl = r.string();
    },
    5: (r) => {
      out.nonce = r.string();
    },
    6: (r) => {
      error = decodeStatus(r.bytes());
    },
  });
  return {
    ...out,
    error,
    namesBytes: span.serialized(),
    get names() {
      return span.names();
    },
  };
}

const NAMES_FIELD = 3;

/** Where the names stand in a request, which has them one after the other. */
class NamesSpan {
  private readonly bytes: Uint8Array;
  private readonly repeated: readonly Uint8Array[];
  private from = -1;
  private to = -1;
  private contiguous = true;
  private decoded: string[] | undefined;

  constructor(bytes: Uint8Array, repeated: readonly Uint8Array[]) {
    this.bytes = bytes;
    this.repeated = repeated;
  }

  /** Passes over one name, whose tag (one byte) was read, or over all that are known. */
  skip(reader: Reader): void {
    const start = reader.pos - 1;
    const known = this.from < 0 ? this.repeated.find((names) => standsAt(this.bytes, start, names)) : undefined;
    if (this.from < 0) this.from = start;
    else if (this.to !== start) this.contiguous = false;
    if (known) reader.pos = start + known.length;
    else reader.skipType(2);
    this.to = reader.pos;
  }

  serialized(): Uint8Array | undefined {
    if (!this.contiguous) return undefined;
    return this.from < 0 ? NOTHING : this.bytes.subarray(this.from, this.to);
  }

  names(): string[] {
    if (!this.decoded) {
      const names: string[] = [];
      if (this.from >= 0) readFields(this.bytes.subarray(this.from, this.to), { 3: (r) => names.push(r.string()) });
      this.decoded = names;
    }
    return this.decoded;
  }
}

function standsAt(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  const end = at + part.length;
  return part.length > 0 && end <= bytes.length && Buffer.compare(bytes.subarray(at, end), part) === 0;
}

const NOTHING = new Uint8Array();

/** Reads an `envoy.service.discovery.v3.DeltaDiscoveryRequest`. Throws MIZZEN_ERR_PROTOCOL. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  const out = { node: undefined as Uint8Array | undefined, typeUrl: "", nonce: "" };
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  let error: ErrorDetail | undefined;
  readFields(bytes, {
    1: (r) => {
      out.node = r.bytes();
    },
    2: (r) => {
      out.typeUrl = r.string();
    },
    3: (r) => subscribe.push(r.string()),
    4: (r) => unsubscribe.push(r.string()),
    5: (r) => {
      let key = "";
      let value = "";
      readFields(r.bytes(), {
        1: (entry) => {
          key = entry.string();
        },
        2: (entry) => {
          value = entry.string();
        },
      });
      initialVersions.set(key, value);
    },
    6: (r) => {
      out.nonce = r.string();
    },
    7: (r) => {
      error = decodeStatus(r.bytes());
    },
  });
  return { ...out, subscribe, unsubscribe, initialVersions, error };
}

function decodeStatus(bytes: Uint8Array): ErrorDetail {
  let code = 0;
  let message = "";
  readFields(bytes, {
    1: (r) => {
      code = r.int32();
    },
    2: (r) => {
      message = r.string();
    },
  });
  return { code, message };
}

/** Length-delimited unless the field's reader knows better; unknown fields are skipped. */
function readFields(bytes: Uint8Array, fields: Readonly<Record<number, Field>>): void {
  try {
    const reader = protobuf.Reader.create(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const field = fields[tag >>> 3];
      if (field) field(reader);
      else reader.skipType(tag & 7);
    }
  } catch (cause) {
    if (cause instanceof MizzenError) throw cause;
    throw new MizzenError("MIZZEN_ERR_PROTOCOL", `the request cannot be decoded: ${errorMessage(cause)}`, { cause });
  }
}
