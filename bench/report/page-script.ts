// What runs in the page of a report: draws the charts that are in it with uPlot, in the colours of the page's style.

export const DRAW = `
const colors = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"];
const HEIGHT = 320;
const style = getComputedStyle(document.documentElement);
// Asked for at each drawing, so that a change between light and dark is followed.
const ink = () => style.getPropertyValue("--ink");
const grid = () => style.getPropertyValue("--grid");
const paper = () => style.getPropertyValue("--paper");
const numbers = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const show = (value) => (value == null ? "" : numbers.format(value));

function draw(chart, box) {
  // Lines may have other points in x: where one has none, it goes straight on.
  const data = uPlot.join(chart.lines.map((line) => [line.x, line.y]));
  const scale = (axis) => ({ time: false, distr: axis.logarithmic ? 3 : 1 });
  const axis = ({ label }) => ({
    label,
    stroke: ink,
    font: "12px system-ui, sans-serif",
    labelFont: "13px system-ui, sans-serif",
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    values: (_, ticks) => ticks.map(show),
  });
  const y = chart.y.logarithmic ? scale(chart.y) : { ...scale(chart.y), range: (_, min, max) => [0, (max || 1) * 1.05] };
  const options = {
    title: chart.title,
    width: box.clientWidth,
    height: HEIGHT,
    scales: { x: scale(chart.x), y },
    axes: [axis(chart.x), { ...axis(chart.y), size: 60 }],
    legend: { markers: { dash: (plot, index) => (plot.series[index].dash?.length ? "dashed" : "solid") } },
    series: [
      { label: chart.x.label, value: (_, value) => show(value) },
      ...chart.lines.map((line) => ({
        label: line.label,
        stroke: colors[line.color % colors.length],
        width: 2,
        spanGaps: true,
        dash: line.dashed ? [6, 4] : [],
        points: { fill: paper },
        value: (_, value) => show(value),
      })),
    ],
  };
  return { box, plot: new uPlot(options, data, box) };
}

const place = document.getElementById("charts");
const drawn = JSON.parse(document.getElementById("data").textContent).map((chart) =>
  draw(chart, place.appendChild(document.createElement("div"))),
);
addEventListener("resize", () => {
  for (const { box, plot } of drawn) plot.setSize({ width: box.clientWidth, height: HEIGHT });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { plot } of drawn) plot.redraw();
});
`;
