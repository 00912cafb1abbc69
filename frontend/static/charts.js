/** Charts over time, drawn by uPlot, which is fetched when the first chart is wanted. */

import { make } from "./dom.js";

const LIBRARY = "/static/vendor/uplot/dist/uPlot.esm.js";
const HEIGHT = 190;
const STRIP = 8; // px of the coverage beneath
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]; // half a bike is none
const STYLES = [
  { stroke: "--chart-1", width: 2, fill: "--chart-1-fill" },
  { stroke: "--chart-2", width: 2, dash: [6, 4] },
  { stroke: "--chart-3", width: 2, dash: [2, 3] },
  { stroke: "--chart-4", width: 2, dash: [8, 3, 2, 3] },
];

const DASHES = ["solid", "dashed", "dotted", "double"]; // of the styles, in the legend

/**
 * @param {HTMLElement} place
 * @param {{columns: (?number)[][], gaps: [number, number][]}} series
 * @param {{labels: string[], isStepped?: boolean, hasCoverage?: boolean, from: number, to: number,
 *   description: string, show?: (value: ?number) => string, format: object, say: Function}} options from and to in
 *   seconds; with coverage, that is the last column: drawn beneath the time, and told in the legend
 */
export async function drawChart(place, series, options) {
  const { default: UPlot } = await import(LIBRARY);
  const frame = make("div", { class: "chart", role: "img", "aria-label": options.description });
  place.replaceChildren(frame, ...(series.gaps.length ? [gapNote(options.say("notSeen"))] : []));
  const chart = new UPlot(settings(UPlot, frame, series, options), series.columns, frame);
  return attend(chart, frame);
}

/** Follow the width of the frame and the colours of the page. @returns {() => void} what ends the chart */
function attend(chart, frame) {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const repaint = () => chart.redraw();
  const fit = () =>
    frame.clientWidth &&
    frame.clientWidth !== chart.width &&
    chart.setSize({ width: frame.clientWidth, height: HEIGHT });
  const observer = new ResizeObserver(() => requestAnimationFrame(fit)); // later: a new size may change the frame's
  observer.observe(frame);
  scheme.addEventListener("change", repaint);
  return () => {
    observer.disconnect();
    scheme.removeEventListener("change", repaint);
    chart.destroy();
  };
}

const gapNote = (text) => make("p", { class: "gap-note" }, make("i"), text);

/** A colour of the style sheet, as it is in light or dark. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function settings(UPlot, frame, series, options) {
  const { labels, isStepped, hasCoverage, from, to, format, say, show = format.integer } = options;
  const grid = { stroke: () => colour("--line"), width: 1 };
  const axis = { stroke: () => colour("--muted"), grid, ticks: { show: false } };
  return {
    width: frame.clientWidth || 300,
    height: HEIGHT,
    tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), format.timeZone),
    scales: {
      x: { range: [from, to] },
      y: { range: (_, __, most) => [0, Math.max(most ?? 0, 4) * 1.08] },
      share: { range: [0, 1] },
    },
    axes: [
      {
        ...axis,
        size: hasCoverage ? 46 : 32,
        gap: hasCoverage ? STRIP + 9 : 5,
        values: (_, ticks) => ticks.map((tick) => tickText(tick, to - from, format)),
      },
      { ...axis, size: 40, incrs: WHOLE },
    ],
    legend: {
      live: true,
      markers: {
        width: 3,
        dash: (_, index) => (index > labels.length ? "solid" : DASHES[index - 1]),
        fill: "transparent",
      },
    },
    cursor: { drag: { x: false, y: false }, points: { size: (_, index) => (index > labels.length ? 0 : 7) } },
    series: [
      { label: say("time"), value: (_, time) => format.moment(time === null ? null : time * 1000) },
      ...labels.map((label, index) => line(UPlot, label, index, isStepped, show)),
      ...(hasCoverage ? [coverageLine(say("coverage"), format)] : []),
    ],
    hooks: {
      drawClear: [(chart) => shade(chart, series.gaps)],
      draw: hasCoverage ? [(chart) => drawCoverage(chart, series.columns)] : [],
    },
  };
}

function tickText(tick, span, format) {
  return span > 3 * 86_400 ? format.moment(tick * 1000).replace(/,? \d\d:\d\d$/, "") : format.clock(tick * 1000);
}

/** Not a line, but its value in the legend. */
const coverageLine = (label, format) => ({
  label,
  class: "coverage",
  scale: "share",
  stroke: () => colour("--accent"),
  points: { show: false },
  paths: () => null,
  value: (_, value) => format.share(value),
});

/** Beneath the time, how much of each step was seen: a part of the height. */
function drawCoverage(chart, columns) {
  const { ctx, bbox } = chart;
  const [times, coverage] = [columns[0], columns.at(-1)];
  const height = STRIP * devicePixelRatio;
  const bottom = bbox.top + bbox.height + height + 3 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = colour("--line");
  ctx.fillRect(bbox.left, bottom - height, bbox.width, height);
  ctx.fillStyle = colour("--accent");
  times.forEach((time, index) => {
    if (coverage[index] === null || coverage[index] !== coverage[index + 1]) return;
    const [left, right] = [time, times[index + 1]].map((edge) => chart.valToPos(edge, "x", true));
    if (right - left <= 2) return;
    ctx.fillRect(left + 1, bottom - coverage[index] * height, right - left - 2, coverage[index] * height);
  });
  ctx.restore();
}

function line(UPlot, label, index, isStepped, show) {
  const style = STYLES[index];
  return {
    label,
    ...style,
    stroke: () => colour(style.stroke),
    fill: style.fill ? () => colour(style.fill) : undefined,
    points: { show: false },
    spanGaps: false,
    paths: isStepped ? UPlot.paths.stepped({ align: 1 }) : undefined,
    value: (_, value) => show(value),
  };
}

/** Time in which nothing was seen is grey: it is not zero. */
function shade(chart, gaps) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.fillStyle = colour("--gap");
  for (const [start, stop] of gaps) {
    const left = Math.max(chart.valToPos(start, "x", true), bbox.left);
    const right = Math.min(chart.valToPos(stop, "x", true), bbox.left + bbox.width);
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}
