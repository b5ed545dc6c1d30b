// Options: flags and environment, checked as a whole, then never changed. Nothing else reads either. Main thread.
import fs from "node:fs";
import os from "node:os";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import { parseGoDuration } from "../../shared/go-duration.ts";
import type { Features } from "../../shared/model/mesh.ts";
import type { LogOptions } from "../telemetry/log.ts";
import { parseServerEnvironment, type ServerEnvironment } from "./environment.ts";
import { type Environment, parseFeatures } from "./features.ts";
import { parseGoBool, parseGoInt } from "./go-syntax.ts";
import { parseLogLevels } from "./log-levels.ts";

/** Where to listen. */
export interface ListenAddress {
  /** "" for all interfaces. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

export type RegistryName = "Kubernetes" | "Mock";

/** What the environment says stands under the same names; flags win where both say something. */
export interface Options extends ServerEnvironment {
  /** "" when there is no folder. */
  readonly configDir: string;
  /** "" when there is no file. */
  readonly meshConfigFile: string;
  readonly networksConfigFile: string;
  readonly registries: readonly RegistryName[];
  /** null where an address was given as "". */
  readonly grpcAddress: ListenAddress | null;
  readonly secureGrpcAddress: ListenAddress | null;
  readonly httpAddress: ListenAddress | null;
  readonly httpsAddress: ListenAddress | null;
  readonly monitoringAddress: ListenAddress | null;
  readonly logging: Pick<LogOptions, "defaultLevel" | "levels" | "json">;
  readonly domainSuffix: string;
  /** "" when it isn't known. */
  readonly podNamespace: string;
  readonly workers: number;
  readonly profile: boolean;
  readonly shutdownMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Infinity: connections are not closed for their age. */
  readonly maxConnectionAgeMs: number;
  /** Proxies that are pushed to at once; never 0. */
  readonly pushThrottle: number;
  /** New streams a second; never 0. */
  readonly maxRequestsPerSecond: number;
  readonly features: Features;
  /** Of the process, for headers that providers take from it. */
  readonly environment: Environment;
}

/** Durations from here on mean "never": Go's longest one is 292 years. */
const NEVER_MS = 100 * 365 * 24 * 3600 * 1000;

/**
 * Checks flags (by name, as text, with `NAME:given` for those that aren't defaults) and environment. Throws
 * MIZZEN_ERR_OPTIONS whose message has a line for each problem.
 */
export function parseOptions(
  flags: Readonly<Record<string, string>>,
  env: Environment,
  cores: number = os.availableParallelism(),
): Options {
  const problems: string[] = [];
  const server = parseServerEnvironment(env);
  const { features, problems: featureProblems } = parseFeatures(env);
  problems.push(...server.problems, ...featureProblems);
  const reader = flagReader(flags, problems);
  const perCores = Math.min(15 + 5 * cores, 100);
  const levels = parseLogLevels(reader.text("log_output_level", ""));
  problems.push(...levels.problems);

  const options: Options = {
    ...server.values,
    configDir: reader.folder("configDir"),
    meshConfigFile: reader.file("meshConfig"),
    networksConfigFile: reader.file("networksConfig"),
    registries: reader.registries(),
    grpcAddress: reader.address("grpcAddr", ":15010"),
    secureGrpcAddress: reader.address("secureGRPCAddr", ":15012"),
    httpAddress: reader.address("httpAddr", ":8080"),
    httpsAddress: reader.address("httpsAddr", ":15017"),
    monitoringAddress: reader.address("monitoringAddr", ":15014"),
    logging: Object.freeze({
      defaultLevel: levels.defaultLevel,
      levels: levels.levels,
      json: reader.bool("log_as_json", false),
    }),
    domainSuffix: reader.domain("domain", "cluster.local"),
    clusterId: reader.text("clusterID", "") || server.values.clusterId,
    podNamespace: reader.text("namespace", "") || server.values.podNamespace,
    workers: reader.workers(Math.min(8, Math.max(1, cores - 1))),
    profile: reader.bool("profile", true),
    shutdownMs: reader.duration("shutdownDuration", 10_000),
    keepaliveIntervalMs: reader.duration("keepaliveInterval", 30_000),
    keepaliveTimeoutMs: reader.duration("keepaliveTimeout", 10_000),
    maxConnectionAgeMs: forever(reader.duration("keepaliveMaxServerConnectionAge", NEVER_MS)),
    pushThrottle: server.values.pushThrottle || perCores,
    maxRequestsPerSecond: server.values.maxRequestsPerSecond || perCores,
    features,
    environment: Object.freeze({ ...env }),
  };
  if (problems.length > 0) throw new MizzenError("MIZZEN_ERR_OPTIONS", problems.join("\n"));
  return Object.freeze(options);
}

function forever(ms: number): number {
  return ms >= NEVER_MS ? Number.POSITIVE_INFINITY : ms;
}

/** Parses a listening address as Go does: `host:port`, `:port` or `[v6]:port`. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  return port <= 65535 ? { host: match[1] ?? match[2] ?? "", port } : undefined;
}

/** Reads flags one by one and gathers what is wrong. */
function flagReader(flags: Readonly<Record<string, string>>, problems: string[]) {
  const wrong = (name: string, expected: string): void => {
    problems.push(`--${name}: ${JSON.stringify(flags[name])} is not ${expected}`);
  };
  const given = (name: string): boolean => flags[`${name}:given`] === "true";
  const checkReadable = (name: string, path: string, folder: boolean): void => {
    try {
      if (fs.statSync(path).isDirectory() !== folder) wrong(name, folder ? "a folder" : "a file");
      fs.accessSync(path, fs.constants.R_OK);
    } catch (error) {
      problems.push(`--${name}: cannot read ${JSON.stringify(path)}: ${errorMessage(error)}`);
    }
  };
  const text = (name: string, fallback: string): string => flags[name] ?? fallback;

  return {
    text,
    bool(name: string, fallback: boolean): boolean {
      const value = flags[name] === undefined ? fallback : parseGoBool(flags[name]);
      if (value === undefined) wrong(name, "true or false");
      return value ?? fallback;
    },
    duration(name: string, fallbackMs: number): number {
      const value = flags[name] === undefined ? fallbackMs : parseGoDuration(flags[name]);
      if (value === undefined || value < 0) wrong(name, "a duration such as 10s or 1m30s");
      return value ?? fallbackMs;
    },
    address(name: string, fallback: string): ListenAddress | null {
      const value = text(name, fallback);
      if (value === "") return null;
      const address = parseListenAddress(value);
      if (!address) wrong(name, "an address such as :15010, 127.0.0.1:15010 or [::1]:15010");
      return address ?? null;
    },
    domain(name: string, fallback: string): string {
      const value = text(name, fallback);
      const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/i;
      if (!value.split(".").every((part) => label.test(part))) wrong(name, "a domain name");
      return value;
    },
    folder(name: string): string {
      const value = text(name, "");
      if (value !== "") checkReadable(name, value, true);
      return value;
    },
    file(name: string): string {
      const value = text(name, "");
      // Only the default place may be empty.
      if (value === "" || (!given(name) && !fs.existsSync(value))) return "";
      checkReadable(name, value, false);
      return value;
    },
    registries(): RegistryName[] {
      const names = text("registries", "Kubernetes")
        .split(",")
        .filter((name) => name !== "");
      const known = names.filter((name): name is RegistryName => name === "Kubernetes" || name === "Mock");
      if (known.length < names.length) wrong("registries", "a list of Kubernetes and Mock");
      return known;
    },
    workers(fallback: number): number {
      const value = flags.workers === undefined ? fallback : parseGoInt(flags.workers);
      if (value === undefined || value < 1 || value > 64) wrong("workers", "a number from 1 to 64");
      return value ?? fallback;
    },
  };
}
