// Rules for URLs, which Go reads in its own way. Main thread.

/** What is wrong with an http or https URL, or undefined. */
export function parseHttpUrlProblem(text: string): string | undefined {
  const problem = urlProblem(text);
  if (problem !== undefined) return problem;
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme !== "http" && scheme !== "https") return `URI scheme "${scheme ?? ""}" is not supported`;
  return undefined;
}

/** What makes a text no URL at all. */
export function urlProblem(text: string): string | undefined {
  const fail = (reason: string): string => `parse ${goQuote(text)}: ${reason}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) return fail("net/url: invalid control character in URL");
  if (text.startsWith(":")) return fail("missing protocol scheme");
  const authority = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/([^/?#]*)/.exec(text)?.[1];
  if (authority !== undefined) {
    const host = authority.slice(authority.lastIndexOf("@") + 1);
    if (/[\s<>"^`{|}\\]/.test(host)) {
      return fail(`invalid character ${goQuote(/[\s<>"^`{|}\\]/.exec(host)![0])} in host name`);
    }
    const colon = host.lastIndexOf(":");
    const port = host.startsWith("[") && host.endsWith("]") ? "" : colon === -1 ? "" : host.slice(colon);
    if (port !== "" && !/^:\d*$/.test(port)) return fail(`invalid port ${goQuote(port)} after host`);
  }
  if (/%(?![0-9a-fA-F]{2})/.test(text)) {
    const sequence = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(text)![0];
    return fail(`invalid URL escape ${goQuote(sequence)}`);
  }
  return undefined;
}

/** A text in quotes as Go writes it. */
function goQuote(text: string): string {
  return JSON.stringify(text)
    .replace(/\\u0008/g, "\\b")
    .replace(/\\u00([0-9a-f]{2})/g, "\\x$1");
}
