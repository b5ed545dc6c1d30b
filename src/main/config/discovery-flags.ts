// The command line of `mizzen discovery`: pilot-discovery's flags with their names, shorthands and defaults. Main thread.
import type { Command } from "commander";
import { MizzenError } from "../../shared/errors.ts";
import { describeEnvironment } from "./environment.ts";
import type { Environment } from "./features.ts";
import { type Options, parseOptions } from "./options.ts";

interface Flag {
  /** Names as commander takes them. */
  readonly flags: string;
  readonly effect: string;
  /** As one would write it; absent where the default is to have none. */
  readonly default?: string;
  /** Another spelling that is taken too. */
  readonly alias?: string;
  /** pilot-discovery has it, and here it has no effect yet. */
  readonly unused?: true;
}

/** Go's longest duration, with which pilot-discovery says "never". */
export const FOREVER = "2562047h47m16.854775807s";

export const DISCOVERY_FLAGS: readonly Flag[] = [
  {
    flags: "--configDir <folder>",
    alias: "--config-dir <folder>",
    effect: "folder with configuration as YAML or JSON files, read with its subfolders and watched",
  },
  {
    flags: "--meshConfig <file>",
    alias: "--mesh-config <file>",
    default: "./etc/istio/config/mesh",
    effect: "MeshConfig file, watched; the default one need not exist",
  },
  {
    flags: "--networksConfig <file>",
    alias: "--networks-config <file>",
    default: "./etc/istio/config/meshNetworks",
    effect: "MeshNetworks file, watched; the default one need not exist",
  },
  {
    flags: "--registries <list>",
    default: "Kubernetes",
    effect: 'comma separated service registries, of Kubernetes and Mock; "" for none',
  },
  { flags: "--grpcAddr <address>", default: ":15010", effect: 'xDS in plain text; "" turns it off' },
  { flags: "--secureGRPCAddr <address>", default: ":15012", effect: 'xDS over TLS; "" turns it off' },
  { flags: "--httpAddr <address>", default: ":8080", effect: 'readiness and debugging over HTTP; "" turns it off' },
  { flags: "--httpsAddr <address>", default: ":15017", effect: 'webhooks over HTTPS; "" turns it off' },
  { flags: "--monitoringAddr <address>", default: ":15014", effect: 'metrics and version over HTTP; "" turns it off' },
  {
    flags: "--log_output_level <levels>",
    default: "default:info",
    effect: "comma separated levels, as level or scope:level, of none, error, warn, info, debug",
  },
  { flags: "--log_as_json [bool]", default: "false", effect: "log lines as JSON" },
  { flags: "--domain <suffix>", default: "cluster.local", effect: "suffix of the cluster's host names" },
  { flags: "--clusterID <name>", effect: "name of the local cluster (default: $CLUSTER_ID)" },
  { flags: "-n, --namespace <name>", effect: "namespace of this process (default: $POD_NAMESPACE)" },
  { flags: "--workers <number>", effect: "worker threads (default: one less than there are cores, from 1 to 8)" },
  { flags: "--shutdownDuration <time>", default: "10s", effect: "time that streams get to end at shutdown" },
  { flags: "--keepaliveInterval <time>", default: "30s", effect: "idle time after which a connection is probed" },
  { flags: "--keepaliveTimeout <time>", default: "10s", effect: "time that a probed connection has to answer" },
  {
    flags: "--keepaliveMaxServerConnectionAge <time>",
    default: FOREVER,
    effect: "age at which a connection is closed, so that proxies spread over replicas",
  },
  { flags: "--profile [bool]", default: "true", effect: "profiles under /debug/pprof" },
  { flags: "--caCertFile <file>", effect: "root certificate of the server's own one", unused: true },
  { flags: "--clusterAliases <list>", effect: "other names of clusters", unused: true },
  { flags: "--clusterRegistriesNamespace <name>", effect: "namespace of remote clusters' secrets", unused: true },
  { flags: "--cniNamespace <name>", effect: "namespace of the CNI agents", unused: true },
  { flags: "--ctrlz_address <address>", effect: "address of ControlZ", default: "localhost", unused: true },
  { flags: "--ctrlz_port <port>", effect: "port of ControlZ", default: "9876", unused: true },
  { flags: "--kubeconfig <file>", effect: "how to reach Kubernetes from outside of it", unused: true },
  { flags: "--kubernetesApiBurst <number>", effect: "burst of requests to Kubernetes", default: "160", unused: true },
  { flags: "--kubernetesApiQPS <number>", effect: "requests a second to Kubernetes", default: "80", unused: true },
  { flags: "--log_caller <scopes>", effect: "scopes whose lines say where they come from", unused: true },
  {
    flags: "--log_stacktrace_level <levels>",
    effect: "levels that come with a stack",
    default: "default:none",
    unused: true,
  },
  { flags: "--log_target <files>", effect: "where log lines go", default: "stdout", unused: true },
  { flags: "--tls-cipher-suites <list>", effect: "cipher suites of the TLS servers", unused: true },
  { flags: "--tls-min-version <version>", effect: "oldest TLS version of the TLS servers", unused: true },
  { flags: "--tlsCertFile <file>", effect: "certificate of the TLS servers", unused: true },
  { flags: "--tlsKeyFile <file>", effect: "key of the TLS servers", unused: true },
  { flags: "--vklog <level>", effect: "level of the Kubernetes client's log", default: "0", unused: true },
];

/**
 * Adds `discovery` to the program. `run` gets the finished options and what the user should be told; options that can't
 * be used end in MIZZEN_ERR_OPTIONS from `program.parseAsync`, with all problems in its message.
 */
export function buildDiscoveryCommand(
  program: Command,
  run: (options: Options, warnings: string[]) => Promise<void>,
  env: Environment = process.env,
): Command {
  const command = program
    .command("discovery")
    .description("Serve configuration to the mesh's proxies, as istiod does.")
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", `\n${describeEnvironment()}\n`)
    .configureOutput({ outputError: () => undefined })
    .exitOverride((error) => {
      // Returning lets commander exit by itself, after --help.
      if (error.exitCode !== 0) throw new MizzenError("MIZZEN_ERR_OPTIONS", error.message);
    });
  for (const flag of DISCOVERY_FLAGS) {
    const effect = flag.unused ? `${flag.effect} (accepted, without effect)` : flag.effect;
    command.option(flag.flags, effect, flag.default);
    if (flag.alias !== undefined) command.addOption(command.createOption(flag.alias).hideHelp());
  }
  return command.action(async () => {
    const warnings = [...unusedFlags(command), ...unknownArguments(command.args)];
    await run(parseOptions(flagValues(command), env), warnings);
  });
}

/** The flags' values by name; only those that the user gave, since the options know the defaults. */
function flagValues(command: Command): Readonly<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const option of command.options) {
    const name = option.attributeName();
    const value: unknown = command.getOptionValue(name);
    if (value === undefined) continue;
    // A boolean flag without a value.
    out[name] = value === true ? "true" : String(value);
    if (command.getOptionValueSource(name) !== "default") out[`${name}:given`] = "true";
  }
  return out;
}

function unusedFlags(command: Command): string[] {
  const unused = new Set(DISCOVERY_FLAGS.filter((f) => f.unused).map((f) => f.flags.split(" ")[0]));
  return command.options
    .filter((o) => unused.has(o.long ?? "") && command.getOptionValueSource(o.attributeName()) === "cli")
    .map((o) => `${o.long} has no effect yet`);
}

function unknownArguments(args: readonly string[]): string[] {
  return args.map((arg) => `${arg.split("=", 1)[0]} is not known and has no effect`);
}
