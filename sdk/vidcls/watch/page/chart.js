// Ten minutes of probabilities of a camera: the labels that were most probable, events as bands behind them. Points go by
// the seconds since the program began, since its machine's clock may be set.
import { drawn, element } from "./dom.js";
import { percent } from "./words.js";

const SECONDS = 600;
const LINES = 5;
const COLOURS = 8;
const HEIGHT = 180;
const EDGE = { left: 46, right: 8, top: 8, bottom: 24 };
// Between answers further apart than this there was a gap, and no line.
const GAP_SECONDS = 15;
// What falls into so many pixels is drawn as its mean: a narrow chart would be all noise.
const PIXELS = 2;

export class History {
  constructor() {
    this.points = [];
    this.colours = new Map();
  }

  // points: [seconds since 1970, {label: probability}]; seconds: the same since the program began.
  replace(points, seconds) {
    this.points = points.map(([, scores], number) => [seconds[number], scores]);
  }

  // The newest point, which may be known already.
  add(point, seconds) {
    const last = this.points[this.points.length - 1];
    if (!point || (last && seconds === last[0])) return;
    this.points.push([seconds, point[1]]);
    while (this.points[0][0] < seconds - SECONDS) this.points.shift();
  }

  // The labels to draw: of the highest peaks; in the order in which they were first drawn, so that colours stay.
  labels() {
    const peaks = new Map();
    for (const [, scores] of this.points) {
      for (const [label, score] of Object.entries(scores)) peaks.set(label, Math.max(score, peaks.get(label) || 0));
    }
    return [...peaks].sort((a, b) => b[1] - a[1]).slice(0, LINES).map(([label]) => label);
  }

  // A class of colour and dashes for each label, its own as long as there are enough.
  colour(label, shown) {
    if (!this.colours.has(label)) {
      const used = new Set(shown.map((other) => this.colours.get(other)));
      const free = [...Array(COLOURS).keys()].find((number) => !used.has(number));
      this.colours.set(label, free === undefined ? this.colours.size % COLOURS : free);
    }
    return `c${this.colours.get(label)}`;
  }
}

// now: the server's time, in ms since 1970; uptime: how many seconds ago the program began.
export function drawChart(svg, legend, history, events, { now, uptime }) {
  const width = Math.max(svg.clientWidth, 200);
  const x = (at) => EDGE.left + (1 - (now / 1000 - at) / SECONDS) * (width - EDGE.left - EDGE.right);
  const ofPoint = (seconds) => x(now / 1000 - uptime + seconds);
  const y = (score) => EDGE.top + (1 - score) * (HEIGHT - EDGE.top - EDGE.bottom);
  const shown = history.labels();
  const coloured = shown.map((label) => [label, history.colour(label, shown)]);
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.replaceChildren(
    ...bands(events, x, y, width),
    ...axes(x, y, width, now),
    ...coloured.map(([label, colour]) => drawn("path", { class: `curve ${colour}`, d: path(history.points, label, ofPoint, y) })),
  );
  const newest = history.points.length ? history.points[history.points.length - 1][1] : {};
  legend.replaceChildren(...coloured.map(([label, colour]) => legendItem(label, colour, newest[label])));
  const said = coloured.map(([label]) => `${label} ${percent(newest[label] || 0)}`).join(", ");
  svg.setAttribute("aria-label", `Probabilities of the last ten minutes. Now: ${said || "no answer yet"}.`);
}

function path(points, label, x, y) {
  let text = "";
  let before = -Infinity;
  for (const bin of bins(points, x)) {
    const score = bin.reduce((sum, [, scores]) => sum + (scores[label] || 0), 0) / bin.length;
    const [at] = bin[bin.length - 1];
    text += `${bin[0][0] - before > GAP_SECONDS ? "M" : "L"}${x(at).toFixed(1)} ${y(score).toFixed(1)}`;
    before = at;
  }
  return text;
}

// Bins go by time, and not by where a point is drawn: lines move to the left, and keep their shape.
function bins(points, x) {
  const seconds = PIXELS / (x(1) - x(0));
  const found = [];
  let newest = null;
  for (const point of points) {
    if (x(point[0]) < EDGE.left) continue;
    const number = Math.floor(point[0] / seconds);
    if (number !== newest) found.push([]);
    found[found.length - 1].push(point);
    newest = number;
  }
  return found;
}

function bands(events, x, y, width) {
  return events.flatMap((event) => {
    const start = Math.max(x(new Date(event.start) / 1000), EDGE.left);
    const end = event.end ? x(new Date(event.end) / 1000) : width - EDGE.right;
    if (end <= EDGE.left) return [];
    return [drawn("rect", { class: "band", x: start, y: y(1), width: Math.max(end - start, 1.5), height: y(0) - y(1) })];
  });
}

function axes(x, y, width, now) {
  const parts = [];
  for (const score of [0, 0.5, 1]) {
    parts.push(drawn("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(score), y2: y(score) }));
    parts.push(drawn("text", { class: "tick", x: EDGE.left - 6, y: y(score) + 4, "text-anchor": "end" }, percent(score)));
  }
  const every = width < 500 ? 180 : 120;
  const newest = Math.floor(now / 1000 / 60) * 60;
  for (let at = newest; at > now / 1000 - SECONDS; at -= every) {
    if (x(at) < EDGE.left + 16 || x(at) > width - EDGE.right - 14) continue;
    const time = new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    parts.push(drawn("line", { class: "grid", x1: x(at), x2: x(at), y1: y(0), y2: y(0) + 4 }));
    parts.push(drawn("text", { class: "tick", x: x(at), y: HEIGHT - 6, "text-anchor": "middle" }, time));
  }
  return parts;
}

function legendItem(label, colour, score) {
  const line = drawn("svg", { viewBox: "0 0 30 8", "aria-hidden": "true" });
  line.append(drawn("path", { class: `curve ${colour}`, d: "M0 4H30" }));
  const item = element("li", {}, element("span", {}, `${label} ${score === undefined ? "" : percent(score)}`));
  item.prepend(line);
  return item;
}
