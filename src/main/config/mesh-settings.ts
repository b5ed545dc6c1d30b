// MeshSettings: built from the options and the mesh files, and built anew when a file changes. Main thread.
import fs from "node:fs";
import { errorMessage, MizzenError } from "../../shared/errors.ts";
import type { Mesh_MeshConfig, Mesh_MeshNetworks } from "../../shared/gen/istio.js";
import type { Features, MeshSettings } from "../../shared/model/mesh.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Descriptors } from "../validation/structural/descriptors.ts";
import type { Environment } from "./features.ts";
import { mergeMeshConfig, parseMeshConfig } from "./mesh-config.ts";
import { defaultMeshConfig } from "./mesh-defaults.ts";
import { meshDoubts } from "./mesh-doubts.ts";
import { parseMeshNetworks } from "./mesh-networks.ts";
import { watchFile } from "./watch-file.ts";

/** What MeshSettings are made of, beside the files' content. */
export interface MeshSettingsSource {
  /** Path of the MeshConfig file; "" when there is none. */
  readonly meshConfigFile: string;
  /** Path of the MeshNetworks file; "" when there is none. */
  readonly networksConfigFile: string;
  readonly features: Features;
  /** Of the process: providers take headers from it. */
  readonly environment: Environment;
  /** POD_NAMESPACE; "" when it isn't set. */
  readonly podNamespace: string;
  readonly domainSuffix: string;
  readonly clusterId: string;
}

/** The texts of the two files, as last read; "" when there is no file. */
interface MeshTexts {
  readonly mesh: string;
  readonly networks: string;
}

/** Reads the files and builds the settings. Throws MIZZEN_ERR_OPTIONS that names file, line and field. */
export function loadMeshSettings(source: MeshSettingsSource, descriptors: Descriptors): MeshSettings {
  return buildSettings(source, readTexts(source), descriptors);
}

/** The settings of a mesh whose files say nothing. */
export function defaultMeshSettings(
  source: Omit<MeshSettingsSource, "meshConfigFile" | "networksConfigFile">,
): MeshSettings {
  return assemble({ ...source, meshConfigFile: "", networksConfigFile: "" }, {}, {});
}

function buildSettings(source: MeshSettingsSource, texts: MeshTexts, descriptors: Descriptors): MeshSettings {
  const given = parseMeshConfig(texts.mesh, source.meshConfigFile, descriptors);
  return assemble(source, given, parseMeshNetworks(texts.networks, source.networksConfigFile, descriptors));
}

function assemble(source: MeshSettingsSource, given: Mesh_MeshConfig, networks: Mesh_MeshNetworks): MeshSettings {
  const rootNamespace = given.rootNamespace || source.podNamespace || defaultMeshConfig().rootNamespace!;
  return {
    mesh: { ...mergeMeshConfig(given), rootNamespace },
    networks,
    networkGateways: [],
    features: source.features,
    environment: headerVariables(given, source.environment),
    rootNamespace,
    domainSuffix: source.domainSuffix,
    clusterId: source.clusterId,
  };
}

/** The variables that headers of providers name, "" for ones that aren't set. */
export function headerVariables(given: Mesh_MeshConfig, environment: Environment): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of variableNames(given.extensionProviders)) out[name] = environment[name] ?? "";
  return out;
}

/** Providers of each kind have their headers in places of their own: all that is called `envName`, however deep. */
function* variableNames(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "envName" && typeof inner === "string") yield inner;
    else yield* variableNames(inner);
  }
}

function readTexts(source: MeshSettingsSource): MeshTexts {
  return { mesh: readText(source.meshConfigFile), networks: readText(source.networksConfigFile) };
}

function readText(file: string): string {
  if (file === "") return "";
  try {
    return fs.readFileSync(file, "utf8");
  } catch (cause) {
    throw new MizzenError("MIZZEN_ERR_OPTIONS", `${file}: ${errorMessage(cause)}`, { cause });
  }
}

/** What changed, for the reason of the push that follows. */
export type MeshChange = "mesh" | "networks";

export interface MeshWatchOptions {
  readonly source: MeshSettingsSource;
  readonly descriptors: Descriptors;
  /** What is in force now, from loadMeshSettings of the same source. */
  readonly log: Logger;
  /** Called with the new settings after a valid edit that changes them. */
  readonly changed: (settings: MeshSettings, change: MeshChange) => void;
}

export interface MeshWatch {
  /** What is in force: the last good one. */
  current(): MeshSettings;
  close(): void;
}

/** Loads the settings and follows their files. An invalid edit is logged and leaves the last good settings in force. */
export function watchMeshFiles(options: MeshWatchOptions): MeshWatch {
  const { source, descriptors, log } = options;
  let texts = readTexts(source);
  let current = buildSettings(source, texts, descriptors);
  let doubts = "";
  // Each is told of once, for as long as it stands.
  const tellDoubts = (): void => {
    const now = meshDoubts(current.mesh);
    const text = JSON.stringify(now);
    if (text === doubts) return;
    doubts = text;
    for (const doubt of now) log.warn({ file: source.meshConfigFile, ...doubt }, "a mesh setting can't be heeded");
  };
  tellDoubts();

  const follow = (file: string, change: MeshChange): { close(): void } | undefined => {
    if (file === "") return undefined;
    return watchFile(file, texts[change], {
      changed(text) {
        // The other file's text is the last good one, so that one bad file doesn't hold up the other.
        const next = { ...texts, [change]: text };
        let settings: MeshSettings;
        try {
          settings = buildSettings(source, next, descriptors);
        } catch (error) {
          log.error({ file, reason: errorMessage(error) }, "mesh settings rejected; the last good ones stay in force");
          return;
        }
        texts = next;
        if (JSON.stringify(settings) === JSON.stringify(current)) return;
        current = settings;
        log.info({ file }, "mesh settings changed");
        tellDoubts();
        options.changed(settings, change);
      },
      unreadable(reason) {
        log.error({ file, reason }, "mesh settings file cannot be read; the last good settings stay in force");
      },
    });
  };

  const watches = [follow(source.meshConfigFile, "mesh"), follow(source.networksConfigFile, "networks")];
  return {
    current: () => current,
    close() {
      for (const watch of watches) watch?.close();
    },
  };
}
