// The layout of a segment in its SharedArrayBuffer. Every change here bumps LAYOUT_REVISION. Any thread.
//
//   word 0  MAGIC            all words are little-endian uint32
//   word 1  LAYOUT_REVISION
//   word 2  FORM             RECORDS or ENDPOINTS
//   word 3  COUNT            records or endpoints
//   word 4  TABLE_AT         byte position of the record offsets or of the endpoint columns
//   word 5  STRING_COUNT     ENDPOINTS only, else 0
//   word 6  STRINGS_AT       byte position of STRING_COUNT + 1 offsets, relative to the text
//   word 7  TEXT_AT          byte position of UTF-8 text
//
//   RECORDS    table: COUNT + 1 offsets into the text; record i is canonical JSON
//   ENDPOINTS  table: EP_COLUMNS columns of COUNT words each; words marked (s) are string ids
//
// A segment is written once, before its handle is shared, and never again: no atomics are needed.

export const MAGIC = 0x315a534d;
export const LAYOUT_REVISION = 1;

export const W_MAGIC = 0;
export const W_REVISION = 1;
export const W_FORM = 2;
export const W_COUNT = 3;
export const W_TABLE_AT = 4;
export const W_STRING_COUNT = 5;
export const W_STRINGS_AT = 6;
export const W_TEXT_AT = 7;
export const HEADER_WORDS = 8;

export const FORM_RECORDS = 1;
export const FORM_ENDPOINTS = 2;

/** (s) addresses, joined with "," */
export const EP_ADDRESSES = 0;
export const EP_PORT = 1;
/** (s) */
export const EP_PORT_NAME = 2;
/** (s) canonical JSON */
export const EP_LABELS = 3;
/** (s) */
export const EP_SERVICE_ACCOUNT = 4;
/** (s) */
export const EP_NETWORK = 5;
/** (s) */
export const EP_CLUSTER = 6;
/** (s) */
export const EP_LOCALITY = 7;
export const EP_WEIGHT = 8;
/** (s) */
export const EP_TLS_MODE = 9;
/** (s) */
export const EP_WORKLOAD = 10;
/** (s) */
export const EP_NAMESPACE = 11;
/** Index into HEALTH_VALUES */
export const EP_HEALTH = 12;
/** (s) */
export const EP_HOSTNAME = 13;
/** (s) */
export const EP_SUBDOMAIN = 14;
/** (s) */
export const EP_NODE = 15;
export const EP_COLUMNS = 16;

export const HEALTH_VALUES = ["HEALTHY", "UNHEALTHY", "DRAINING", "TERMINATING"] as const;
