// Finds the golden scenarios of ../shared, and reads what one consists of.
import fs from "node:fs";
import path from "node:path";
import { parse } from "yaml";

export interface GoldenProxy {
  readonly name: string;
  /** What the proxy sends as its node. */
  readonly node: object;
  /** More arguments for `xdsprobe dump`. */
  readonly dump: readonly string[];
  /** The types that it asked for. */
  readonly types: readonly string[];
  /** The folder with the answers. */
  readonly golden: string;
}

export interface Scenario {
  /** `group/name`. */
  readonly name: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly networks: boolean;
  /** Hosts of all ServiceEntries: what the registry has when it is in sync. */
  readonly hosts: readonly string[];
  readonly proxies: readonly GoldenProxy[];
}

/** The names of all scenarios of the groups (`basics`), or single ones (`basics/headless`). `all` means every group. */
export function listScenarios(root: string, wanted: readonly string[]): readonly string[] {
  const groups = subfolders(root);
  const names = wanted.flatMap((one) => {
    if (one === "all") return groups.flatMap((group) => scenariosOf(root, group));
    const found = one.includes("/") ? (fs.existsSync(path.join(root, one)) ? [one] : []) : scenariosOf(root, one);
    if (found.length === 0) throw new Error(`no golden scenario ${one}; groups: ${groups.join(", ")}`);
    return found;
  });
  return [...new Set(names)];
}

export function readScenario(root: string, name: string): Scenario {
  const folder = path.join(root, name);
  const read = (file: string): string | undefined =>
    fs.existsSync(path.join(folder, file)) ? fs.readFileSync(path.join(folder, file), "utf8") : undefined;
  const proxies = parse(read("proxies.yaml")!) as { name: string; node: object; dump?: string[] }[];
  return {
    name,
    folder,
    env: (parse(read("env.yaml") ?? "{}") ?? {}) as Record<string, string>,
    networks: read("networks.yaml") !== undefined,
    hosts: serviceEntryHosts(read("config.yaml")!),
    proxies: proxies.map((proxy) => {
      const golden = path.join(folder, "golden", proxy.name);
      const types = fs.readdirSync(golden).map((file) => path.basename(file, ".json"));
      return { name: proxy.name, node: proxy.node, dump: proxy.dump ?? [], types, golden };
    }),
  };
}

/** The lists of hosts of all ServiceEntries in a file of several documents. */
function serviceEntryHosts(text: string): readonly string[] {
  const hosts = text.split(/^---\s*$/m).flatMap((document) => {
    const object = parse(document) as { kind?: string; spec?: { hosts?: string[] } } | null;
    return object?.kind === "ServiceEntry" ? (object.spec?.hosts ?? []) : [];
  });
  return [...new Set(hosts)];
}

function scenariosOf(root: string, group: string): readonly string[] {
  return subfolders(path.join(root, group)).map((name) => `${group}/${name}`);
}

function subfolders(folder: string): readonly string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
