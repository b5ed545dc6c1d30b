// A flame graph of a CPU profile as one small SVG, for documents; what 0x draws is for looking closer. Pure.

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** What `node --cpu-prof` writes. Times are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Calls of the same function by the same callers. */
interface Frame {
  readonly name: string;
  /** Microseconds, with all that it calls. */
  total: number;
  readonly calls: Map<string, Frame>;
}

export interface FlameOptions {
  readonly title: string;
  /** Samples before this are left out: seconds from the beginning. */
  readonly fromSeconds?: number;
  /** Samples after this are left out, too. */
  readonly toSeconds?: number;
}

const WIDTH = 1200;
const ROW = 15;
const TOP = 30;
/** Frames that are narrower than this say nothing. */
const MIN_WIDTH = 2;
const LETTER = 6.2;
/** Is no work. */
const IDLE = "(idle)";

export function flameSvg(profile: CpuProfile, options: FlameOptions): string {
  const { title, fromSeconds = 0, toSeconds = Number.POSITIVE_INFINITY } = options;
  const root = merge(profile, fromSeconds * 1e6, toSeconds * 1e6);
  const boxes: string[] = [];
  let depth = 0;
  const draw = (frame: Frame, x: number, level: number): void => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < MIN_WIDTH) return;
    depth = Math.max(depth, level);
    boxes.push(box(frame, x, level, width, root.total));
    let at = x;
    for (const call of [...frame.calls.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      draw(call, at, level + 1);
      at += (call.total / root.total) * WIDTH;
    }
  };
  draw(root, 0, 0);
  const height = TOP + (depth + 1) * ROW + 5;
  const heading = `${escaped(title)}: ${(root.total / 1000).toFixed(0)} ms of work`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">`,
    `<title>${heading}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/><text x="5" y="18" font-size="13">${heading}</text>`,
    ...boxes,
    "</svg>",
    "",
  ].join("\n");
}

function merge({ nodes, samples, timeDeltas }: CpuProfile, from: number, to: number): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const root: Frame = { name: "all", total: 0, calls: new Map() };
  let at = 0;
  samples.forEach((id, i) => {
    const took = timeDeltas[i] ?? 0;
    at += took;
    if (at < from || at > to) return;
    const stack: string[] = [];
    for (let own: number | undefined = id; own !== undefined; own = parents.get(own))
      stack.unshift(nameOf(byId.get(own)!));
    // The first is the profile's own root.
    if (stack[1] === IDLE) return;
    let frame = root;
    frame.total += took;
    for (const name of stack.slice(1)) {
      let call = frame.calls.get(name);
      if (!call) {
        call = { name, total: 0, calls: new Map() };
        frame.calls.set(name, call);
      }
      call.total += took;
      frame = call;
    }
  });
  return root;
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName || "(anonymous)";
  return url === "" ? name : `${name} ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`;
}

function box({ name, total }: Frame, x: number, level: number, width: number, all: number): string {
  const y = TOP + level * ROW;
  const letters = Math.floor(width / LETTER) - 1;
  const text =
    letters > 2 ? `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${escaped(name.slice(0, letters))}</text>` : "";
  const share = ((100 * total) / all).toFixed(1);
  const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${color(name)}"/>`;
  return `<g><title>${escaped(name)} ${share} %</title>${rect}${text}</g>`;
}

/** Node's own functions and what isn't JavaScript are grey and blue, ours and packages' are warm. */
function color(name: string): string {
  if (name.startsWith("(")) return "#b9c3d3";
  if (/ (node:|internal\/|streams\/(writable|readable|duplex)|per_context\/)/.test(name) || !name.includes(" "))
    return "#c9dfe9";
  return "#f3b07c";
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
