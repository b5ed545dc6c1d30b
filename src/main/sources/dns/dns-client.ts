// Asks the system's DNS servers for the addresses of names. Main thread.
import { Resolver } from "node:dns/promises";
import type { DnsAnswer } from "./followed-names.ts";

export interface DnsClient {
  /** Asks for both families; rejects with DNS's reason where neither has an answer. */
  resolve(name: string): Promise<DnsAnswer>;
  /** Questions that are under way are rejected. */
  close(): void;
}

const TIMEOUT_MS = 5000;
const TRIES = 2;

export function createDnsClient(): DnsClient {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  return {
    async resolve(name) {
      const answers = await Promise.allSettled([
        resolver.resolve4(name, { ttl: true }),
        resolver.resolve6(name, { ttl: true }),
      ]);
      const records = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
      if (records.length > 0) {
        return {
          addresses: records.map((record) => record.address),
          ttlSeconds: Math.min(...records.map((record) => record.ttl)),
        };
      }
      const [first] = answers;
      throw first.status === "rejected" ? first.reason : new Error(`${name} has no address`);
    },
    close: () => resolver.cancel(),
  };
}
