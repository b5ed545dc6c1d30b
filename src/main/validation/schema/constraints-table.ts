// What the schemas of Istio's custom resources ask for beyond the types of fields: facts, by message. Main thread.
import type { Constraint, MessageConstraints } from "./constraint.ts";

/** Of each kind's `spec`. */
export const SPEC_CONSTRAINTS: Readonly<Record<string, Constraint & { readonly required?: boolean }>> = {
  TrafficExtension: { rules: ["selectorOrTargets", "wasmOrLua"], required: true },
  WasmPlugin: { rules: ["selectorOrTargets"], required: true },
  EnvoyFilter: { rules: ["workloadSelectorOrTargets"] },
  ServiceEntry: {
    rules: ["selectorOrEndpoints", "rangesNeedStatic", "noEndpointsForNone", "oneEndpointForRoundRobin"],
    required: true,
  },
  WorkloadEntry: { rules: ["addressOrNetwork", "socketHasNoPorts"], required: true },
  WorkloadGroup: { required: true },
  AuthorizationPolicy: { rules: ["selectorOrTargets"] },
  PeerAuthentication: { rules: ["portsNeedSelector"] },
  RequestAuthentication: { rules: ["selectorOrTargets"] },
  Telemetry: { rules: ["selectorOrTargets"] },
};

export const MESSAGE_CONSTRAINTS: Readonly<Record<string, MessageConstraints>> = {
  "istio.extensions.v1alpha1.TrafficExtension": {
    fields: { priority: { nullable: true }, targetRefs: { maxItems: 16 } },
  },
  "istio.extensions.v1alpha1.LuaConfig": {
    required: ["inlineCode"],
    fields: { inlineCode: { minLength: 1, maxLength: 65536 } },
  },
  "istio.extensions.v1alpha1.TrafficSelector": { fields: { ports: { keys: ["number"] } } },
  "istio.type.v1beta1.PortSelector": { required: ["number"], fields: { number: { min: 1, max: 65535 } } },
  "istio.type.v1beta1.WorkloadSelector": {
    fields: {
      matchLabels: {
        maxProperties: 4096,
        rules: ["noWildcardInKeys", "noEmptyKey"],
        value: { maxLength: 63, rules: ["noWildcard"] },
      },
    },
  },
  "istio.type.v1beta1.PolicyTargetReference": {
    required: ["kind", "name"],
    fields: {
      group: { maxLength: 253, pattern: "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" },
      kind: { minLength: 1, maxLength: 63, pattern: "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$" },
      name: { minLength: 1, maxLength: 253 },
      namespace: { rules: ["noNamespace"] },
    },
  },
  "istio.extensions.v1alpha1.WasmConfig": {
    required: ["url"],
    fields: {
      imagePullSecret: { minLength: 1, maxLength: 253 },
      pluginName: { minLength: 1, maxLength: 256 },
      sha256: { pattern: "(^$|^[a-f0-9]{64}$)" },
      url: { minLength: 1, rules: ["wasmUrl"] },
    },
  },
  "istio.extensions.v1alpha1.VmConfig": {
    fields: { env: { maxItems: 256, keys: ["name"], item: { rules: ["inlineValue"] } } },
  },
  "istio.extensions.v1alpha1.EnvVar": {
    required: ["name"],
    fields: { name: { minLength: 1, maxLength: 256 }, value: { maxLength: 2048 } },
  },
  "istio.extensions.v1alpha1.WasmPlugin": {
    required: ["url"],
    fields: {
      imagePullSecret: { minLength: 1, maxLength: 253 },
      pluginName: { minLength: 1, maxLength: 256 },
      priority: { nullable: true },
      sha256: { pattern: "(^$|^[a-f0-9]{64}$)" },
      targetRefs: { maxItems: 16 },
      url: { minLength: 1, rules: ["wasmUrl"] },
    },
  },
  "istio.extensions.v1alpha1.WasmPlugin.TrafficSelector": { fields: { ports: { keys: ["number"] } } },
  "istio.networking.v1alpha3.DestinationRule": { required: ["host"] },
  "istio.networking.v1alpha3.Subset": { required: ["name"] },
  "istio.networking.v1alpha3.TrafficPolicy": { fields: { portLevelSettings: { maxItems: 4096 } } },
  "istio.networking.v1alpha3.ConnectionPoolSettings.HTTPSettings": {
    fields: { idleTimeout: { rules: ["millisecond"] } },
  },
  "istio.networking.v1alpha3.ConnectionPoolSettings.HTTPSettings.ConnectionKeepalive": {
    fields: { interval: { rules: ["millisecond"] }, timeout: { rules: ["millisecond"] } },
  },
  "istio.networking.v1alpha3.ConnectionPoolSettings.TCPSettings": {
    fields: { connectTimeout: { rules: ["millisecond"] }, maxConnectionDuration: { rules: ["millisecond"] } },
  },
  "istio.networking.v1alpha3.ConnectionPoolSettings.TCPSettings.TcpKeepalive": {
    fields: { interval: { rules: ["millisecond"] }, time: { rules: ["millisecond"] } },
  },
  "istio.networking.v1alpha3.LoadBalancerSettings": { fields: { warmupDurationSecs: { rules: ["millisecond"] } } },
  "istio.networking.v1alpha3.LoadBalancerSettings.ConsistentHashLB.HTTPCookie": { required: ["name"] },
  "istio.networking.v1alpha3.LoadBalancerSettings.ConsistentHashLB.HTTPCookie.Attribute": { required: ["name"] },
  "istio.networking.v1alpha3.LocalityLoadBalancerSetting": { fields: { enabled: { nullable: true } } },
  "istio.networking.v1alpha3.WarmupConfiguration": {
    required: ["duration"],
    fields: {
      aggression: { min: 0, nullable: true },
      duration: { rules: ["millisecond"] },
      minimumPercent: { min: 0, max: 100, nullable: true },
    },
  },
  "istio.networking.v1alpha3.ZoneAwareLoadBalancerSetting": {
    fields: { enabled: { nullable: true }, minClusterSize: { min: 1, nullable: true } },
  },
  "istio.networking.v1alpha3.OutlierDetection": {
    fields: {
      baseEjectionTime: { rules: ["millisecond"] },
      consecutive5xxErrors: { nullable: true },
      consecutiveGatewayErrors: { nullable: true },
      consecutiveLocalOriginFailures: { nullable: true },
      interval: { rules: ["millisecond"] },
      outlierDetectionHttpErrorCodes: { item: { min: 100, max: 599 } },
    },
  },
  "istio.networking.v1alpha3.ClientTLSSettings": { fields: { insecureSkipVerify: { nullable: true } } },
  "istio.networking.v1alpha3.TrafficPolicy.RetryBudget": { fields: { percent: { min: 0, max: 100, nullable: true } } },
  "istio.networking.v1alpha3.TrafficPolicy.TunnelSettings": { required: ["targetHost", "targetPort"] },
  "istio.networking.v1alpha3.EnvoyFilter": { fields: { targetRefs: { maxItems: 16 } } },
  "istio.networking.v1alpha3.EnvoyFilter.EnvoyConfigObjectPatch": { fields: { match: { rules: ["waypointMatch"] } } },
  "istio.networking.v1alpha3.EnvoyFilter.WaypointMatch": { fields: { portNumber: { rules: ["port"] } } },
  "istio.networking.v1alpha3.WorkloadSelector": {
    fields: { labels: { maxProperties: 256, value: { maxLength: 63, rules: ["noWildcardInSelector"] } } },
  },
  "istio.networking.v1alpha3.Server": {
    required: ["port", "hosts"],
    fields: { tls: { rules: ["namesOrCertificates", "nameOrNames"] } },
  },
  "istio.networking.v1alpha3.Port": { required: ["number", "protocol", "name"] },
  "istio.networking.v1alpha3.ServerTLSSettings": {
    fields: {
      credentialNames: { minItems: 1, maxItems: 2 },
      insecureSkipVerify: { nullable: true },
      tlsCertificates: { minItems: 1, maxItems: 2 },
    },
  },
  "istio.networking.v1beta1.ProxyConfig": {
    fields: { concurrency: { nullable: true }, environmentVariables: { value: { maxLength: 2048 } } },
  },
  "istio.networking.v1alpha3.ServiceEntry": {
    required: ["hosts"],
    fields: {
      addresses: { maxItems: 256, item: { maxLength: 64 } },
      endpoints: { maxItems: 4096, item: { rules: ["addressOrNetwork", "socketHasNoPorts"] } },
      hosts: { minItems: 1, maxItems: 256, item: { rules: ["noWildcardHost"] } },
      ports: { maxItems: 256, rules: ["distinctNumbers"], keys: ["name"] },
    },
  },
  "istio.networking.v1alpha3.WorkloadEntry": {
    fields: {
      address: { maxLength: 256, rules: ["socketIsAbsolute", "socketIsFile"] },
      labels: { maxProperties: 256 },
      locality: { maxLength: 2048 },
      network: { maxLength: 2048 },
      ports: { maxProperties: 128, rules: ["portNames"], value: { rules: ["port"] } },
      serviceAccount: { maxLength: 253 },
    },
  },
  "istio.networking.v1alpha3.ServicePort": {
    required: ["number", "name"],
    fields: {
      name: { maxLength: 256 },
      number: { rules: ["port"] },
      protocol: { maxLength: 256 },
      targetPort: { rules: ["port"] },
    },
  },
  "istio.networking.v1alpha3.IstioEgressListener": { required: ["hosts"] },
  "istio.networking.v1alpha3.IstioIngressListener": {
    required: ["port"],
    fields: { tls: { rules: ["namesOrCertificates", "nameOrNames"] } },
  },
  "istio.networking.v1alpha3.Destination": { required: ["host"] },
  "istio.networking.v1alpha3.HTTPRoute": {
    fields: { mirrorPercent: { nullable: true }, timeout: { rules: ["millisecond"] } },
  },
  "istio.networking.v1alpha3.CorsPolicy": {
    fields: { allowCredentials: { nullable: true }, maxAge: { rules: ["millisecond"] } },
  },
  "istio.networking.v1alpha3.HTTPDirectResponse": { required: ["status"] },
  "istio.networking.v1alpha3.HTTPFaultInjection.Delay": {
    fields: { exponentialDelay: { rules: ["millisecond"] }, fixedDelay: { rules: ["millisecond"] } },
  },
  "istio.networking.v1alpha3.HTTPMirrorPolicy": { required: ["destination"] },
  "istio.networking.v1alpha3.HTTPRetry": {
    fields: {
      backoff: { rules: ["millisecond"] },
      perTryTimeout: { rules: ["millisecond"] },
      retryIgnorePreviousHosts: { nullable: true },
      retryRemoteLocalities: { nullable: true },
    },
  },
  "istio.networking.v1alpha3.HTTPRouteDestination": { required: ["destination"] },
  "istio.networking.v1alpha3.RouteDestination": { required: ["destination"] },
  "istio.networking.v1alpha3.TLSRoute": { required: ["match"] },
  "istio.networking.v1alpha3.TLSMatchAttributes": { required: ["sniHosts"] },
  "istio.networking.v1alpha3.WorkloadGroup": {
    required: ["template"],
    fields: { template: { rules: ["socketHasNoPorts"] } },
  },
  "istio.networking.v1alpha3.WorkloadGroup.ObjectMeta": {
    fields: { annotations: { maxProperties: 256 }, labels: { maxProperties: 256 } },
  },
  "istio.networking.v1alpha3.ExecHealthCheckConfig": {
    required: ["command"],
    fields: { command: { item: { minLength: 1 } } },
  },
  "istio.networking.v1alpha3.GrpcHealthCheckConfig": { fields: { port: { rules: ["port"] } } },
  "istio.networking.v1alpha3.HTTPHealthCheckConfig": {
    required: ["port"],
    fields: { port: { rules: ["port"] }, scheme: { rules: ["httpScheme"] } },
  },
  "istio.networking.v1alpha3.HTTPHeader": { fields: { name: { pattern: "^[-_A-Za-z0-9]+$" } } },
  "istio.networking.v1alpha3.TCPHealthCheckConfig": { required: ["port"], fields: { port: { rules: ["port"] } } },
  "istio.security.v1beta1.AuthorizationPolicy": { fields: { rules: { maxItems: 512 }, targetRefs: { maxItems: 16 } } },
  "istio.security.v1beta1.Rule": { fields: { from: { maxItems: 512 } } },
  "istio.security.v1beta1.Rule.From": { fields: { source: { rules: ["accountsAlone"] } } },
  "istio.security.v1beta1.Source": {
    fields: {
      notServiceAccounts: { maxItems: 16, item: { maxLength: 320 } },
      serviceAccounts: { maxItems: 16, item: { maxLength: 320 } },
    },
  },
  "istio.security.v1beta1.Condition": { required: ["key"] },
  "istio.security.v1beta1.PeerAuthentication": { fields: { portLevelMtls: { minProperties: 1, rules: ["portKeys"] } } },
  "istio.security.v1beta1.RequestAuthentication": {
    fields: { jwtRules: { maxItems: 4096, item: { rules: ["oneKeySource"] } }, targetRefs: { maxItems: 16 } },
  },
  "istio.security.v1beta1.JWTRule": {
    fields: {
      audiences: { item: { minLength: 1 } },
      fromCookies: { item: { minLength: 1 } },
      fromParams: { item: { minLength: 1 } },
      issuer: { minLength: 1 },
      jwksUri: { minLength: 1, maxLength: 2048, rules: ["httpUrl"] },
      spaceDelimitedClaims: { maxItems: 64, item: { minLength: 1 } },
      timeout: { rules: ["millisecond"] },
    },
  },
  "istio.security.v1beta1.JWTHeader": { required: ["name"], fields: { name: { minLength: 1 } } },
  "istio.security.v1beta1.ClaimToHeader": {
    required: ["header", "claim"],
    fields: { claim: { minLength: 1 }, header: { minLength: 1, pattern: "^[-_A-Za-z0-9]+$" } },
  },
  "istio.telemetry.v1alpha1.Telemetry": { fields: { targetRefs: { maxItems: 16 } } },
  "istio.telemetry.v1alpha1.AccessLogging": { fields: { disabled: { nullable: true } } },
  "istio.telemetry.v1alpha1.ProviderRef": { required: ["name"], fields: { name: { minLength: 1 } } },
  "istio.telemetry.v1alpha1.Metrics": { fields: { reportingInterval: { rules: ["millisecond"] } } },
  "istio.telemetry.v1alpha1.MetricsOverrides": {
    fields: {
      disabled: { nullable: true },
      tagOverrides: { value: { rules: ["upsertHasValue", "removeHasNoValue"] } },
    },
  },
  "istio.telemetry.v1alpha1.MetricSelector": { fields: { customMetric: { minLength: 1 } } },
  "istio.telemetry.v1alpha1.Tracing": {
    fields: {
      disableContextPropagation: { nullable: true },
      disableSpanReporting: { nullable: true },
      enableIstioTags: { nullable: true },
      randomSamplingPercentage: { min: 0, max: 100, nullable: true },
      useRequestIdForTraceSampling: { nullable: true },
    },
  },
  "istio.telemetry.v1alpha1.Tracing.Environment": { required: ["name"], fields: { name: { minLength: 1 } } },
  "istio.telemetry.v1alpha1.Tracing.Formatter": { required: ["value"], fields: { value: { minLength: 1 } } },
  "istio.telemetry.v1alpha1.Tracing.RequestHeader": { required: ["name"], fields: { name: { minLength: 1 } } },
  "istio.telemetry.v1alpha1.Tracing.Literal": { required: ["value"], fields: { value: { minLength: 1 } } },
};
