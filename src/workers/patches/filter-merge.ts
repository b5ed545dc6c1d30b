// MERGE for filters of every kind: the name is replaced, the configuration is merged with one of its type. Worker threads.
import { mergedAny } from "./merge.ts";
import type { AnyValue, Message } from "./message-types.ts";
import type { Patch } from "./selected-patches.ts";

/** Merges a patch into a filter, which is altered. A filter without a configuration stays as it is. */
export function mergeFilter(filter: Message, patch: Patch): void {
  const config = filter.typedConfig as AnyValue | undefined;
  if (!config) return;
  const value = patch.value();
  if (value.name) filter.name = value.name;
  if (!value.typedConfig) return;
  filter.typedConfig = mergedAny(config, value.typedConfig as AnyValue) ?? config;
}

/** Merges the configuration of one transport socket into another's of the same name, which is altered. */
export function mergeSocket(socket: Message, from: Message): void {
  const [into, config] = [socket.typedConfig, from.typedConfig] as (AnyValue | undefined)[];
  if (!into || !config) return;
  socket.typedConfig = mergedAny(into, config) ?? into;
}
