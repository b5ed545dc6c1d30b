// What runs in the page of a report: draws the charts that are in it with uPlot.

export const DRAW = `
const colors = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"];
const place = document.getElementById("charts");
for (const chart of JSON.parse(document.getElementById("data").textContent)) {
  // Lines may have other points in x: where one has none, it goes straight on.
  const data = uPlot.join(chart.lines.map((line) => [line.x, line.y]));
  const scale = (axis) => ({ time: false, distr: axis.logarithmic ? 3 : 1 });
  const axis = (axis) => ({ label: axis.label, ...(axis.logarithmic ? { values: (_, ticks) => ticks.map((tick) => tick ?? "") } : {}) });
  const y = chart.y.logarithmic ? scale(chart.y) : { ...scale(chart.y), range: (_, min, max) => [0, (max || 1) * 1.05] };
  new uPlot(
    {
      title: chart.title,
      width: 640,
      height: 320,
      scales: { x: scale(chart.x), y },
      axes: [axis(chart.x), { ...axis(chart.y), size: 70 }],
      series: [
        { label: chart.x.label },
        ...chart.lines.map((line, index) => ({
          label: line.label,
          stroke: colors[index % colors.length],
          width: 2,
          spanGaps: true,
          dash: index >= colors.length ? [6, 4] : [],
        })),
      ],
    },
    data,
    place.appendChild(document.createElement("div")),
  );
}
`;
