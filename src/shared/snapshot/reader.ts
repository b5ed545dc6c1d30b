// Reads segments. Any thread.
import { MizzenError } from "../errors.ts";
import type { EndpointRecord } from "../model/service.ts";
import {
  EP_ADDRESSES,
  EP_CLUSTER,
  EP_HEALTH,
  EP_HOSTNAME,
  EP_LABELS,
  EP_LOCALITY,
  EP_NAMESPACE,
  EP_NETWORK,
  EP_NODE,
  EP_PORT,
  EP_PORT_NAME,
  EP_SERVICE_ACCOUNT,
  EP_SUBDOMAIN,
  EP_TLS_MODE,
  EP_WEIGHT,
  EP_WORKLOAD,
  FORM_ENDPOINTS,
  FORM_RECORDS,
  HEALTH_VALUES,
  LAYOUT_REVISION,
  MAGIC,
  W_COUNT,
  W_FORM,
  W_MAGIC,
  W_REVISION,
  W_STRING_COUNT,
  W_STRINGS_AT,
  W_TABLE_AT,
  W_TEXT_AT,
} from "./layout.ts";

/** The records of a segment that writeRecords wrote. Throws MIZZEN_ERR_LAYOUT when it holds anything else. */
export function readRecords<T>(buffer: SharedArrayBuffer): T[] {
  return recordTexts(buffer).map((text) => JSON.parse(text) as T);
}

/** An earlier version of a segment, with the records that were read of it. */
export interface EarlierRecords<T> {
  readonly buffer: SharedArrayBuffer;
  readonly records: readonly T[];
}

/**
 * The records of a segment, of which those that an earlier version has alike are the same objects: what was computed from
 * them then still holds.
 */
export function readRecordsAgain<T>(buffer: SharedArrayBuffer, earlier: EarlierRecords<T>): T[] {
  const known = new Map<string, T>();
  recordTexts(earlier.buffer).forEach((text, i) => {
    known.set(text, earlier.records[i]!);
  });
  return recordTexts(buffer).map((text) => known.get(text) ?? (JSON.parse(text) as T));
}

function recordTexts(buffer: SharedArrayBuffer): string[] {
  const words = checked(buffer, FORM_RECORDS);
  return readTexts(buffer, words, words[W_TABLE_AT]!, words[W_COUNT]!);
}

/** The endpoints of a segment that writeEndpoints wrote. Equal labels are one object. Throws MIZZEN_ERR_LAYOUT. */
export function readEndpoints(buffer: SharedArrayBuffer): EndpointRecord[] {
  const words = checked(buffer, FORM_ENDPOINTS);
  const count = words[W_COUNT]!;
  const table = words[W_TABLE_AT]! / 4;
  const strings = readTexts(buffer, words, words[W_STRINGS_AT]!, words[W_STRING_COUNT]!);
  const labels = new Map<number, Readonly<Record<string, string>>>();
  const out: EndpointRecord[] = new Array(count);
  for (let i = 0; i < count; i++) {
    const word = (column: number): number => words[table + column * count + i]!;
    const text = (column: number): string => strings[word(column)]!;
    const labelsId = word(EP_LABELS);
    let labelMap = labels.get(labelsId);
    if (!labelMap) {
      labelMap = JSON.parse(strings[labelsId]!) as Record<string, string>;
      labels.set(labelsId, labelMap);
    }
    out[i] = {
      addresses: text(EP_ADDRESSES)
        .split(",")
        .filter((address) => address !== ""),
      port: word(EP_PORT),
      servicePortName: text(EP_PORT_NAME),
      labels: labelMap,
      serviceAccount: text(EP_SERVICE_ACCOUNT),
      network: text(EP_NETWORK),
      clusterId: text(EP_CLUSTER),
      locality: text(EP_LOCALITY),
      weight: word(EP_WEIGHT),
      tlsMode: text(EP_TLS_MODE),
      workloadName: text(EP_WORKLOAD),
      namespace: text(EP_NAMESPACE),
      health: HEALTH_VALUES[word(EP_HEALTH)]!,
      hostname: text(EP_HOSTNAME),
      subdomain: text(EP_SUBDOMAIN),
      nodeName: text(EP_NODE),
    };
  }
  return out;
}

/** The texts of a table at a byte position, which says where each of them begins and where the last one ends. */
function readTexts(buffer: SharedArrayBuffer, words: Uint32Array, tableAt: number, count: number): string[] {
  const table = tableAt / 4;
  const textAt = words[W_TEXT_AT]!;
  const bytes = Buffer.from(buffer);
  const out: string[] = new Array(count);
  for (let i = 0; i < count; i++) {
    out[i] = bytes.toString("utf8", textAt + words[table + i]!, textAt + words[table + i + 1]!);
  }
  return out;
}

function checked(buffer: SharedArrayBuffer, form: number): Uint32Array {
  const words = new Uint32Array(buffer);
  if (words[W_MAGIC] !== MAGIC || words[W_REVISION] !== LAYOUT_REVISION || words[W_FORM] !== form) {
    throw new MizzenError(
      "MIZZEN_ERR_LAYOUT",
      `segment has magic ${words[W_MAGIC]}, revision ${words[W_REVISION]}, form ${words[W_FORM]}; ` +
        `expected ${MAGIC}, ${LAYOUT_REVISION}, ${form}`,
    );
  }
  return words;
}
