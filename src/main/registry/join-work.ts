// What has to be joined again because objects came, changed or went. Main thread.

/** A ServiceEntry or Service. */
export interface NamedKey {
  readonly namespace: string;
  readonly name: string;
}

/** Gathers it over a batch, each once. Keys of the maps name the owner in the index of services. */
export class JoinWork {
  readonly entries = new Map<string, NamedKey>();
  readonly entriesEndpointsOnly = new Map<string, NamedKey>();
  readonly kubeServices = new Map<string, NamedKey>();
  /** True when there may be other gateways between networks. */
  networks = false;

  entry({ namespace, name }: NamedKey): void {
    this.entries.set(`ServiceEntry/${namespace}/${name}`, { namespace, name });
  }

  entryEndpoints({ namespace, name }: NamedKey): void {
    this.entriesEndpointsOnly.set(`ServiceEntry/${namespace}/${name}`, { namespace, name });
  }

  kube({ namespace, name }: NamedKey): void {
    this.kubeServices.set(`Service/${namespace}/${name}`, { namespace, name });
  }
}
