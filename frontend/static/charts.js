/** Charts over time, drawn by uPlot, which is fetched when the first chart is wanted. */

import { make } from "./dom.js";

const LIBRARY = "/static/vendor/uplot/dist/uPlot.esm.js";
const HEIGHT = 190;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]; // half a bike is none
const STYLES = [
  { stroke: "--chart-1", width: 2, fill: "--chart-1-fill" },
  { stroke: "--chart-2", width: 2, dash: [6, 4] },
  { stroke: "--chart-3", width: 2, dash: [2, 3] },
  { stroke: "--chart-4", width: 2, dash: [8, 3, 2, 3] },
];

/**
 * @param {HTMLElement} place
 * @param {{columns: (?number)[][], gaps: [number, number][]}} series
 * @param {{labels: string[], isStepped?: boolean, from: number, to: number, description: string,
 *   format: object, say: Function}} options from and to in seconds
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

function settings(UPlot, frame, series, { labels, isStepped, from, to, format, say }) {
  const grid = { stroke: () => colour("--line"), width: 1 };
  const axis = { stroke: () => colour("--muted"), grid, ticks: { show: false } };
  return {
    width: frame.clientWidth || 300,
    height: HEIGHT,
    tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), format.timeZone),
    scales: { x: { range: [from, to] }, y: { range: (_, __, most) => [0, Math.max(most ?? 0, 4) * 1.08] } },
    axes: [
      { ...axis, size: 32, values: (_, ticks) => ticks.map((tick) => tickText(tick, to - from, format)) },
      { ...axis, size: 40, incrs: WHOLE },
    ],
    legend: { live: true },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    series: [
      { label: say("time"), value: (_, time) => format.moment(time === null ? null : time * 1000) },
      ...labels.map((label, index) => line(UPlot, label, index, isStepped, format)),
    ],
    hooks: { drawClear: [(chart) => shade(chart, series.gaps)] },
  };
}

function tickText(tick, span, format) {
  return span > 3 * 86_400 ? format.moment(tick * 1000).replace(/,? \d\d:\d\d$/, "") : format.clock(tick * 1000);
}

function line(UPlot, label, index, isStepped, format) {
  const style = STYLES[index];
  return {
    label,
    ...style,
    stroke: () => colour(style.stroke),
    fill: style.fill ? () => colour(style.fill) : undefined,
    points: { show: false },
    spanGaps: false,
    paths: isStepped ? UPlot.paths.stepped({ align: 1 }) : undefined,
    value: (_, value) => format.integer(value),
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
