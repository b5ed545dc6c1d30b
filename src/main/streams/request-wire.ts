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
  /** Decoded when it is read: many proxies ask for the same thousands of names. */
  readonly subscribe: readonly string[];
  /** The serialized `subscribe`; undefined when its names don't stand together. Valid as long as the request's own bytes. */
  readonly subscribeBytes: Uint8Array | undefined;
  readonly unsubscribe: readonly string[];
  /** Resource name to version: what the proxy has from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
  readonly nonce: string;
  readonly error: ErrorDetail | undefined;
}

type Reader = protobuf.Reader;
/** Reads the field of a number; false for one that isn't known. */
type ReadField = (field: number, reader: Reader) => boolean;

/**
 * Reads an `envoy.service.discovery.v3.DiscoveryRequest`. Throws MIZZEN_ERR_PROTOCOL.
 * `repeated`: serialized names of earlier requests of the stream. Acknowledgements have the same again, which are passed over
 * as a whole where they stand.
 */
export function decodeSotwRequest(bytes: Uint8Array, repeated: readonly Uint8Array[] = []): SotwRequest {
  let node: Uint8Array | undefined;
  let versionInfo = "";
  let typeUrl = "";
  let nonce = "";
  let error: ErrorDetail | undefined;
  const span = new NamesSpan(bytes, repeated);
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        versionInfo = reader.string();
        return true;
      case 2:
        node = reader.bytes();
        return true;
      case NAMES_FIELD:
        span.skip(reader);
        return true;
      case 4:
        typeUrl = reader.string();
        return true;
      case 5:
        nonce = reader.string();
        return true;
      case 6:
        error = decodeStatus(reader.bytes());
        return true;
      default:
        return false;
    }
  });
  return {
    node,
    versionInfo,
    typeUrl,
    nonce,
    error,
    namesBytes: span.serialized(),
    get names() {
      return span.names();
    },
  };
}

/** `resource_names` of a state-of-the-world request, `resource_names_subscribe` of a delta one. */
const NAMES_FIELD = 3;
const NO_NAMES: readonly string[] = [];

/** Where the names stand in a request, which has them one after the other. */
class NamesSpan {
  private readonly bytes: Uint8Array;
  private readonly repeated: readonly Uint8Array[];
  private from = -1;
  private to = -1;
  private contiguous = true;
  private decoded: readonly string[] | undefined;

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

  names(): readonly string[] {
    if (this.from < 0) return NO_NAMES;
    if (!this.decoded) {
      const names: string[] = [];
      // Other fields may stand between them.
      readFields(this.bytes.subarray(this.from, this.to), (field, reader) => {
        if (field !== NAMES_FIELD) return false;
        names.push(reader.string());
        return true;
      });
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
  let node: Uint8Array | undefined;
  let typeUrl = "";
  let nonce = "";
  let error: ErrorDetail | undefined;
  // Most requests are acknowledgements, which have neither names nor versions.
  const span = new NamesSpan(bytes, NOTHING_REPEATED);
  let unsubscribe: string[] | undefined;
  let initialVersions: Map<string, string> | undefined;
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        node = reader.bytes();
        return true;
      case 2:
        typeUrl = reader.string();
        return true;
      case NAMES_FIELD:
        span.skip(reader);
        return true;
      case 4:
        unsubscribe ??= [];
        unsubscribe.push(reader.string());
        return true;
      case 5:
        initialVersions ??= new Map();
        decodeVersion(reader.bytes(), initialVersions);
        return true;
      case 6:
        nonce = reader.string();
        return true;
      case 7:
        error = decodeStatus(reader.bytes());
        return true;
      default:
        return false;
    }
  });
  return {
    node,
    typeUrl,
    nonce,
    error,
    subscribeBytes: span.serialized(),
    get subscribe() {
      return span.names();
    },
    unsubscribe: unsubscribe ?? NO_NAMES,
    initialVersions: initialVersions ?? NO_VERSIONS,
  };
}

const NOTHING_REPEATED: readonly Uint8Array[] = [];
const NO_VERSIONS: ReadonlyMap<string, string> = new Map();

/** An entry of `initial_resource_versions`. */
function decodeVersion(bytes: Uint8Array, into: Map<string, string>): void {
  let name = "";
  let version = "";
  readFields(bytes, (field, reader) => {
    if (field === 1) name = reader.string();
    else if (field === 2) version = reader.string();
    else return false;
    return true;
  });
  into.set(name, version);
}

function decodeStatus(bytes: Uint8Array): ErrorDetail {
  let code = 0;
  let message = "";
  readFields(bytes, (field, reader) => {
    if (field === 1) code = reader.int32();
    else if (field === 2) message = reader.string();
    else return false;
    return true;
  });
  return { code, message };
}

/** Skips unknown fields. */
function readFields(bytes: Uint8Array, read: ReadField): void {
  try {
    const reader = protobuf.Reader.create(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (!read(tag >>> 3, reader)) reader.skipType(tag & 7);
    }
  } catch (cause) {
    if (cause instanceof MizzenError) throw cause;
    throw new MizzenError("MIZZEN_ERR_PROTOCOL", `the request cannot be decoded: ${errorMessage(cause)}`, { cause });
  }
}
