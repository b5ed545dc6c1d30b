// Writes segments. Main thread.
import { canonicalJson } from "../canonical-json.ts";
import type { EndpointRecord } from "../model/service.ts";
import {
  EP_ADDRESSES,
  EP_CLUSTER,
  EP_COLUMNS,
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
  HEADER_WORDS,
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

/** Writes plain records, each as canonical JSON, so that equal records give equal bytes. */
export function writeRecords(records: readonly unknown[]): SharedArrayBuffer {
  const texts = records.map((record) => Buffer.from(canonicalJson(record)));
  const tableAt = HEADER_WORDS * 4;
  const textAt = tableAt + (texts.length + 1) * 4;
  const total = texts.reduce((sum, t) => sum + t.length, textAt);
  const buffer = new SharedArrayBuffer(align4(total));
  const words = new Uint32Array(buffer);
  writeHeader(words, FORM_RECORDS, texts.length, tableAt, 0, 0, textAt);
  writeTexts(buffer, words, texts, tableAt, textAt);
  return buffer;
}

/** Writes the endpoints of one service as columns over a table of distinct strings. */
export function writeEndpoints(endpoints: readonly EndpointRecord[]): SharedArrayBuffer {
  const strings = new Map<string, number>();
  const intern = (text: string): number => {
    let id = strings.get(text);
    if (id === undefined) {
      id = strings.size;
      strings.set(text, id);
    }
    return id;
  };
  const count = endpoints.length;
  const columns = new Uint32Array(count * EP_COLUMNS);
  endpoints.forEach((ep, i) => {
    const set = (column: number, value: number): void => {
      columns[column * count + i] = value;
    };
    set(EP_ADDRESSES, intern(ep.addresses.join(",")));
    set(EP_PORT, ep.port);
    set(EP_PORT_NAME, intern(ep.servicePortName));
    set(EP_LABELS, intern(canonicalJson(ep.labels)));
    set(EP_SERVICE_ACCOUNT, intern(ep.serviceAccount));
    set(EP_NETWORK, intern(ep.network));
    set(EP_CLUSTER, intern(ep.clusterId));
    set(EP_LOCALITY, intern(ep.locality));
    set(EP_WEIGHT, ep.weight);
    set(EP_TLS_MODE, intern(ep.tlsMode));
    set(EP_WORKLOAD, intern(ep.workloadName));
    set(EP_NAMESPACE, intern(ep.namespace));
    set(EP_HEALTH, HEALTH_VALUES.indexOf(ep.health));
    set(EP_HOSTNAME, intern(ep.hostname));
    set(EP_SUBDOMAIN, intern(ep.subdomain));
    set(EP_NODE, intern(ep.nodeName));
  });

  const texts = [...strings.keys()].map((s) => Buffer.from(s));
  const tableAt = HEADER_WORDS * 4;
  const stringsAt = tableAt + columns.length * 4;
  const textAt = stringsAt + (texts.length + 1) * 4;
  const total = texts.reduce((sum, t) => sum + t.length, textAt);
  const buffer = new SharedArrayBuffer(align4(total));
  const words = new Uint32Array(buffer);
  writeHeader(words, FORM_ENDPOINTS, count, tableAt, texts.length, stringsAt, textAt);
  words.set(columns, tableAt / 4);
  writeTexts(buffer, words, texts, stringsAt, textAt);
  return buffer;
}

/** True when two segments hold the same bytes, so that the older one can stay. */
export function sameSegment(a: SharedArrayBuffer, b: SharedArrayBuffer): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;
}

function writeHeader(
  words: Uint32Array,
  form: number,
  count: number,
  tableAt: number,
  stringCount: number,
  stringsAt: number,
  textAt: number,
): void {
  words[W_MAGIC] = MAGIC;
  words[W_REVISION] = LAYOUT_REVISION;
  words[W_FORM] = form;
  words[W_COUNT] = count;
  words[W_TABLE_AT] = tableAt;
  words[W_STRING_COUNT] = stringCount;
  words[W_STRINGS_AT] = stringsAt;
  words[W_TEXT_AT] = textAt;
}

/** Writes texts one after the other, and a table that says where each of them begins and where the last one ends. */
function writeTexts(
  buffer: SharedArrayBuffer,
  words: Uint32Array,
  texts: readonly Uint8Array[],
  tableAt: number,
  textAt: number,
): void {
  const bytes = new Uint8Array(buffer);
  const table = tableAt / 4;
  let at = 0;
  texts.forEach((text, i) => {
    words[table + i] = at;
    bytes.set(text, textAt + at);
    at += text.length;
  });
  words[table + texts.length] = at;
}

function align4(n: number): number {
  return (n + 3) & ~3;
}
