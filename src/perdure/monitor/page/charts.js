// Curves: points as they come, kept short; one uPlot a figure.
import { el, number } from "/page/parts.js";

const MOST_POINTS = 2048;
const LIGHT = ["#0b67b2", "#c2461d", "#1a7f4b", "#8446b5", "#a86f00", "#c22d78", "#00808a", "#5c6773"];
const DARK = ["#6db6f5", "#ff8a63", "#63d197", "#c698f0", "#f1b84a", "#ff8fc4", "#4fd0d8", "#a9b5c1"];
export const isDark = matchMedia("(prefers-color-scheme: dark)");
export const colourOf = (index) => (isDark.matches ? DARK : LIGHT)[index % LIGHT.length];

/** Points of one curve: where, mean, lowest and highest; with too many of them neighbours are joined. */
export class Points {
  constructor(columns = [[], [], [], []]) {
    this.columns = columns;
  }

  add(x, y) {
    const [xs, mean, low, high] = this.columns;
    if (xs.length && x <= xs[xs.length - 1]) return;
    xs.push(x);
    for (const column of [mean, low, high]) column.push(y);
    if (xs.length > MOST_POINTS) this.join();
  }

  join() {
    const [xs, mean, low, high] = this.columns;
    const pairs = (column, both) => Array.from({ length: Math.ceil(column.length / 2) }, (_, index) =>
      2 * index + 1 < column.length ? both(column[2 * index], column[2 * index + 1]) : column[2 * index]);
    this.columns = [
      pairs(xs, (a, b) => b), pairs(mean, (a, b) => (a + b) / 2), pairs(low, Math.min), pairs(high, Math.max),
    ];
  }

  get last() {
    return this.columns[1][this.columns[1].length - 1];
  }
}

/** Returns hours and minutes of seconds since 1970. */
const clock = (_, values) => values.map((value) =>
  new Date(1000 * value).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));

/** A figure with some curves; `draw` takes [{ label, colour, dash, points }] again and again. */
export class Chart {
  constructor(title, { height = 150, isTime = false, isPlain = false } = {}) {
    this.height = height;
    this.isTime = isTime;
    this.value = el("b");
    this.place = el("div");
    this.figure = el("figure", { class: isPlain ? "chart plain" : "chart", role: "img", "aria-label": title },
      el("figcaption", {}, el("span", {}, title), this.value), this.place);
    this.shape = "";
    new ResizeObserver(() => this.plot?.setSize({ width: this.width, height: this.height })).observe(this.place);
  }

  get width() {
    return Math.max(120, this.place.clientWidth);
  }

  draw(curves, { isLog = false, text = null } = {}) {
    const shown = curves.filter((curve) => curve.points.columns[0].length);
    const last = shown.map((curve) => number(curve.points.last));
    this.value.textContent = text ?? (last.length > 2 ? "" : last.join(" / "));
    this.figure.setAttribute("aria-label",
      `${this.figure.querySelector("span").textContent}; last: ${shown.map((curve) =>
        `${curve.label} ${number(curve.points.last)}`).join(", ") || "nothing yet"}`);
    if (!shown.length) return;
    const data = uPlot.join(shown.map(({ points: { columns: [xs, mean, low, high] } }) => {
      const positive = (column) => (isLog ? column.map((value) => (value > 0 ? value : null)) : column);
      return [xs, positive(mean), positive(low), positive(high)];
    }));
    const shape = JSON.stringify([shown.map(({ label, colour, dash }) => [label, colour, dash]), isLog, isDark.matches]);
    if (shape === this.shape) {
      this.plot.setData(data);
      return;
    }
    this.shape = shape;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(shown, isLog), data, this.place);
  }

  options(shown, isLog) {
    const style = getComputedStyle(document.documentElement);
    const [dim, line] = ["--dim", "--line"].map((name) => style.getPropertyValue(name).trim());
    const axis = { stroke: dim, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const edge = { width: 0, points: { show: false }, spanGaps: true };
    return {
      width: this.width,
      height: this.height,
      legend: { show: false },
      cursor: { y: false, points: { size: 6 } },
      scales: { x: { time: this.isTime }, y: { distr: isLog ? 3 : 1 } },
      axes: [{ ...axis, size: 26, space: 60, ...(this.isTime ? { values: clock } : {}) }, { ...axis, size: 46, space: 28,
        values: (_, values) => values.map((value) => (value === null ? "" : number(value))) }],
      series: [{}, ...shown.flatMap(({ label, colour, dash }) => [
        { label, stroke: colour, width: 1.6, dash, spanGaps: true, points: { size: 4 } },
        { ...edge, label: `${label} lowest` }, { ...edge, label: `${label} highest` },
      ])],
      bands: shown.map(({ colour }, index) => ({ series: [3 * index + 3, 3 * index + 2], fill: `${colour}2a` })),
      hooks: { setCursor: [(plot) => this.point(plot, shown)] },
    };
  }

  /** Says the values under the pointer. */
  point(plot, shown) {
    const index = plot.cursor.idx;
    if (index === null || index === undefined || plot.cursor.left < 0) return;
    const values = shown.map((_, position) => plot.data[3 * position + 1][index]).filter((value) => value != null);
    const x = plot.data[0][index];
    this.value.textContent =
      `${this.isTime ? new Date(1000 * x).toLocaleTimeString() : x}: ${values.map(number).join(" / ")}`;
  }
}
