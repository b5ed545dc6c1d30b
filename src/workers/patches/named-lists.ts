// Operations on lists of filters, whose elements go by name. Worker threads, pure.
import type { Message } from "./message-types.ts";
import type { Patch } from "./selected-patches.ts";

/** A list of messages, or nothing for an empty one. */
export type List = readonly Message[] | undefined;

/**
 * The list after an operation. `name` is of the element that the patch means, "" where it means none: then what is to stand
 * before it comes first, and what is to stand after it comes last. Merging is no operation on lists.
 */
export function editedList(list: List, patch: Patch, name: string): Message[] {
  const all = [...(list ?? [])];
  const at = name === "" ? -1 : all.findIndex((one) => one.name === name);
  switch (patch.operation) {
    case "ADD":
      return [...all, patch.value()];
    case "INSERT_FIRST":
      return [patch.value(), ...all];
    case "INSERT_BEFORE":
      return insertedAt(all, name === "" ? 0 : at, patch);
    case "INSERT_AFTER":
      return insertedAt(all, name === "" ? all.length : at < 0 ? at : at + 1, patch);
    case "REPLACE":
      return at < 0 ? all : [...all.slice(0, at), patch.value(), ...all.slice(at + 1)];
    case "REMOVE":
      return name === "" ? all : all.filter((one) => one.name !== name);
    default:
      return all;
  }
}

/** With the patch's value at an index; as it is for one below zero. */
export function insertedAt(all: readonly Message[], at: number, patch: Patch): Message[] {
  return at < 0 ? [...all] : [...all.slice(0, at), patch.value(), ...all.slice(at)];
}
