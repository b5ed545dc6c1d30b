// Rules for host names, addresses and ports that several kinds share. Main thread.
import ipaddr from "ipaddr.js";
import { type Report, reject } from "../report.ts";

const LABEL = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const WILDCARD_LABEL = /^(?:\*|(?:\*|\*-)?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)$/;
const MAX_LABEL = 63;
const MAX_DOMAIN = 255;

export function isDnsLabel(text: string): boolean {
  return text.length <= MAX_LABEL && LABEL.test(text);
}

/** What is wrong with a domain name, or undefined. */
function domainProblem(name: string): string | undefined {
  if (name === "") return "empty domain name not allowed";
  if (name.length > MAX_DOMAIN) return `domain name ${JSON.stringify(name)} too long (max ${MAX_DOMAIN})`;
  return undefined;
}

function labelsProblem(name: string): string | undefined {
  const labels = name.split(".");
  const last = labels.at(-1)!;
  if (/^[+-]?\d+$/.test(last)) {
    return `domain name ${JSON.stringify(name)} invalid (top level domain ${JSON.stringify(last)} cannot be all-numeric)`;
  }
  // A final dot is allowed.
  const bad = labels.find((label, i) => !(label === "" && i === labels.length - 1) && !isDnsLabel(label));
  return bad === undefined
    ? undefined
    : `domain name ${JSON.stringify(name)} invalid (label ${JSON.stringify(bad)} invalid)`;
}

/** A fully qualified domain name, without wildcards. */
export function fqdnProblem(name: string): string | undefined {
  return domainProblem(name) ?? labelsProblem(name);
}

/** A domain name whose first label may be, or begin with, a wildcard. */
export function wildcardDomainProblem(name: string): string | undefined {
  const problem = domainProblem(name);
  if (problem !== undefined) return problem;
  const dot = name.indexOf(".");
  const first = dot === -1 ? name : name.slice(0, dot);
  if (first.length > MAX_LABEL || !WILDCARD_LABEL.test(first)) {
    return `domain name ${JSON.stringify(name)} invalid (label ${JSON.stringify(first)} invalid)`;
  }
  return dot === -1 ? undefined : labelsProblem(name.slice(dot + 1));
}

/** A wildcard must be a whole first label. */
export function partialWildcardProblem(host: string): string | undefined {
  const partial = host.includes("*") && host !== "*" && !host.startsWith("*.");
  return partial ? `partial wildcard ${JSON.stringify(host)} not allowed` : undefined;
}

export function isIpAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

/** Where an endpoint is: an address, or a name that DNS resolves. */
export function checkEndpointAddress(report: Report, field: string, address: string): void {
  if (isIpAddress(address) || fqdnProblem(address) === undefined) return;
  reject(report, field, `endpoint address ${JSON.stringify(address)} is not a valid FQDN or an IP address`);
}

/** An address, or a range in CIDR notation. */
export function isIpOrRange(text: string): boolean {
  const slash = text.indexOf("/");
  if (slash === -1) return isIpAddress(text);
  const bits = text.slice(slash + 1);
  const address = text.slice(0, slash);
  if (!isIpAddress(address) || !/^\d{1,3}$/.test(bits)) return false;
  return Number(bits) <= (address.includes(":") ? 128 : 32);
}

/** The path behind `unix://`: absolute, or abstract with a `@`. */
export function checkUnixPath(report: Report, field: string, socket: string): void {
  if (socket === "") reject(report, field, "unix address must not be empty");
  else if (!socket.startsWith("@") && (!socket.startsWith("/") || socket.endsWith("/"))) {
    reject(report, field, `${socket} is not an absolute path to a file`);
  }
}

export const UNIX_PREFIX = "unix://";

export function checkPort(report: Report, field: string, port: number | undefined): void {
  const number = port ?? 0;
  if (number < 1 || number > 65535) reject(report, field, `port number ${number} must be in the range 1..65535`);
}

/** Adds a problem, where there is one. */
export function checkThat(report: Report, field: string, problem: string | undefined): void {
  if (problem !== undefined) reject(report, field, problem);
}

const PROTOCOLS = new Set(
  "tcp udp grpc grpc-web http http_proxy http2 https tls mongo redis mysql hbone double-hbone".split(" "),
);
const HTTP_PROTOCOLS = new Set(["grpc", "grpc-web", "http", "http_proxy", "http2"]);

/** Without a protocol, it is detected. */
export function checkProtocol(report: Report, field: string, protocol = ""): void {
  if (protocol !== "" && !PROTOCOLS.has(protocol.toLowerCase())) {
    reject(report, field, `unsupported protocol: ${protocol}`);
  }
}

export function isHttpProtocol(protocol = ""): boolean {
  return HTTP_PROTOCOLS.has(protocol.toLowerCase());
}

export function isTlsProtocol(protocol = ""): boolean {
  return protocol.toLowerCase() === "https" || protocol.toLowerCase() === "tls";
}
