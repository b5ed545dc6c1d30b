// Finds the field for which a patch's value isn't taken: what converts it tells the message's field, but not where it stands.
// Worker threads, pure; only runs for values that are wrong.
import type { Field, Type } from "protobufjs";
import { messageOfJson, messageType, typeName } from "./message-types.ts";

const ANY = ".google.protobuf.Any";

/** The path below the value, such as `.typed_config.max_request_bytes`; "" where only the whole is wrong. */
export function faultPath(type: Type, json: unknown, ignoreUnknownFields: boolean): string {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return "";
  if (type.fullName === ANY) {
    const { "@type": url, ...rest } = json as Record<string, unknown>;
    const inner = typeof url === "string" ? messageType(typeName(url)) : undefined;
    return inner ? faultPath(inner, rest, ignoreUnknownFields) : ".@type";
  }
  // Well-known types are a single value.
  if (type.fullName.startsWith(".google.protobuf.")) return "";
  const isWrong = (part: object): boolean => !converts(type, part, ignoreUnknownFields);
  for (const [key, value] of Object.entries(json)) {
    if (!isWrong({ [key]: value })) continue;
    const field = type.fieldsArray.find((f) => [f.name, f.jsonName, f.protoName].includes(key));
    if (!field) return `.${key}`;
    return `.${key}${partPath(field, value, ignoreUnknownFields, (part) => isWrong({ [key]: part }))}`;
  }
  return "";
}

/** Below a field, of which `isWrong` says whether it takes a value. */
function partPath(
  field: Field,
  value: unknown,
  ignoreUnknownFields: boolean,
  isWrong: (part: unknown) => boolean,
): string {
  const resolved = field.resolvedType;
  const below = (part: unknown): string =>
    resolved && "fieldsArray" in resolved ? faultPath(resolved, part, ignoreUnknownFields) : "";
  if (field.map) {
    const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
    const wrong = entries.find(([key, part]) => isWrong({ [key]: part }));
    return wrong ? `[${JSON.stringify(wrong[0])}]${below(wrong[1])}` : "";
  }
  if (!field.repeated) return below(value);
  const index = Array.isArray(value) ? value.findIndex((part) => isWrong([part])) : -1;
  return index < 0 ? "" : `[${index}]${below((value as unknown[])[index])}`;
}

function converts(type: Type, json: object, ignoreUnknownFields: boolean): boolean {
  try {
    messageOfJson(type, json, ignoreUnknownFields);
    return true;
  } catch {
    // That it is wrong is all that is asked; what is wrong has been told already.
    return false;
  }
}
