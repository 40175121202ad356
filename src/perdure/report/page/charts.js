// Draws charts from plain data (see charts.py) as SVG that fits its place, with a reader for mouse, touch and keyboard.
"use strict";
const SVG = "http://www.w3.org/2000/svg";

function make(name, attributes = {}, text = "") {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  return node;
}

function html(name, attributes = {}, text = "") {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  return node;
}

// As numbers.py writes them: a share is never rounded to 0 or 100 percent unless it is.
function written(value, style) {
  if (value === null || value === undefined || Number.isNaN(value)) return "not measured";
  if (style === "percent") {
    const scaled = 100 * value;
    let decimals = 1;
    while (decimals < 9 && scaled !== 0 && scaled !== 100 && [0, 100].includes(Number(scaled.toFixed(decimals)))) decimals++;
    return scaled.toFixed(decimals) + " %";
  }
  if (style === "count") return Math.round(value).toLocaleString("en-US");
  if (style === "signed") return (value < 0 ? "" : "+") + value.toFixed(2);
  return value.toFixed(2);
}

function tickText(value, style) {
  if (style === "percent") return Number((100 * value).toPrecision(6)) + " %";
  return Number(value.toPrecision(6)).toLocaleString("en-US");
}

function niceTicks(low, high, most) {
  const rough = (high - low || 1) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) ticks.push(at);
  return ticks;
}

function logTicks(low, high, most) {
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const factor of factors) {
        const at = factor * 10 ** power;
        if (at >= low && at <= high) ticks.push(at);
      }
    }
    if (ticks.length <= most || factors.length === 1) return ticks;
  }
  return [];
}

function scaleOf(axis, values, from, to) {
  const isLog = axis.scale === "log";
  const known = values.filter((value) => Number.isFinite(value) && (!isLog || value > 0));
  let low = axis.from ?? Math.min(...known), high = axis.to ?? Math.max(...known);
  if (!known.length) [low, high] = [0, 1];
  if (low === high) high = low + 1;
  if (!isLog && axis.to === undefined) high += 0.04 * (high - low);
  const forward = isLog ? Math.log : (value) => value;
  const place = (value) => from + ((forward(value) - forward(low)) / (forward(high) - forward(low))) * (to - from);
  const room = Math.abs(to - from);
  const ticks = isLog ? logTicks(low, high, room / 26) : niceTicks(low, high, room / (axis.dense ? 34 : 46));
  return { place, ticks, low, high };
}

function legend(entries) {
  const list = html("ul", { class: "legend" });
  for (const entry of entries) {
    const item = html("li");
    item.append(html("span", { class: `swatch look-${entry.look} ${entry.line ?? ""}`, "aria-hidden": "true" }), entry.name);
    list.append(item);
  }
  return list;
}

function frame(width, height, title) {
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });
  svg.append(make("title", {}, title));
  return svg;
}

function drawLines(spec, width) {
  const height = Math.min(400, Math.max(250, 0.58 * width)), left = 54, right = width - 24, top = 10, bottom = height - 42;
  const all = [...spec.series, ...(spec.marks ?? []), ...(spec.extra ?? [])];
  const x = scaleOf(spec.x, all.flatMap((one) => one.points.map((point) => point[0])), left, right);
  const y = scaleOf({ dense: true, ...spec.y }, all.flatMap((one) => one.points.map((point) => point[1])), bottom, top);
  const svg = frame(width, height, spec.title);
  for (const tick of y.ticks) {
    svg.append(make("line", { x1: left, x2: right, y1: y.place(tick), y2: y.place(tick), class: "grid" }));
    svg.append(make("text", { x: left - 8, y: y.place(tick) + 4, class: "tick end" }, tickText(tick, spec.y.style)));
  }
  for (const tick of x.ticks) {
    svg.append(make("text", { x: x.place(tick), y: bottom + 17, class: "tick middle" }, tickText(tick, spec.x.style)));
  }
  svg.append(make("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "base" }));
  svg.append(make("text", { x: right, y: height - 6, class: "label end" }, spec.x.label));
  if (spec.diagonal) {
    svg.append(make("line", { x1: x.place(0), y1: y.place(0), x2: x.place(1), y2: y.place(1), class: "diagonal" }));
  }
  const spots = [];
  for (const series of all) {
    const places = series.points.map(([across, up]) => [x.place(across), y.place(up)]);
    const isMark = !spec.series.includes(series);
    if (!isMark) {
      svg.append(make("polyline", { points: places.map((place) => place.join()).join(" "), class: `line look-${series.look} ${series.line ?? ""}` }));
    }
    places.forEach(([px, py], index) => {
      if (isMark) svg.append(make("circle", { cx: px, cy: py, r: 7, class: `mark look-${series.look}` }));
      else if (series.line === "dotted" || (series.points.length < 12 && series.line !== "dashed")) svg.append(make("circle", { cx: px, cy: py, r: 3.5, class: `dot look-${series.look}` }));
      const [across, up] = series.points[index];
      const words = `${series.name}: ${spec.y.label} ${written(up, spec.y.style)} at ${spec.x.label} ${written(across, spec.x.style)}`;
      spots.push({ x: px, y: py, words, source: series.source ?? `${series.file}: ${series.key || "rows"} (${series.fields.join(", ")})` });
    });
  }
  return { svg, spots, legend: legend([...spec.series, ...(spec.marks ?? []), ...(spec.extra ?? [])]), above: spec.y.label };
}

function drawRows(spec, width) {
  const panels = spec.panels, isNarrow = width < 620, perLine = isNarrow ? 1 : Math.min(panels.length, 3);
  const rowHeight = 27, spots = [];
  const isShared = perLine > 1 && panels.every((panel) => panel.rows.length === panels[0].rows.length && panel.rows.every((one, index) => one.name === panels[0].rows[index].name));
  const longest = Math.max(...panels.flatMap((panel) => panel.rows.map((one) => one.name.length)), 0);
  const beside = isShared ? Math.min(longest * 6.8 + 10, (width / perLine) * 0.6) : 0, cell = (width - beside) / perLine;
  const stacked = isNarrow || (!isShared && perLine > 1) || (!isShared && longest * 7 > cell * 0.45);
  const step = stacked ? 42 : rowHeight, heads = panels.some((panel) => panel.title) ? 26 : 6;
  const lines = Math.ceil(panels.length / perLine);
  const tall = Array.from({ length: lines }, (_, index) => Math.max(...panels.slice(index * perLine, (index + 1) * perLine).map((panel) => panel.rows.length)));
  const tops = tall.map((_, index) => tall.slice(0, index).reduce((sum, count) => sum + heads + count * step + 34, 0));
  const height = tops[lines - 1] + heads + tall[lines - 1] * step + (spec.x.label && !isNarrow ? 44 : 24);
  const svg = frame(width, height, spec.title);
  const values = (rows) => rows.flatMap((one) => [one.value, ...(one.interval ?? [])]).filter((value) => value !== null);
  const common = values(panels.flatMap((panel) => panel.rows));
  panels.forEach((panel, number) => {
    const inLine = number % perLine, top = tops[Math.floor(number / perLine)] + heads, start = stacked ? inLine * (width / perLine) : beside + inLine * cell;
    const names = stacked ? 0 : isShared ? (inLine === 0 ? 1 : 0) : Math.min(longest * 6.8 + 10, cell * 0.55);
    const room = Math.max(...panel.rows.map((one) => one.text.length), 4) * 7.2 + 12;
    const left = start + (isShared ? 0 : names) + 4, right = start + (stacked ? width / perLine : cell) - room - 6, bottom = top + panel.rows.length * step;
    const isOwnScale = panel.rows.some((one) => one.bar);
    const scale = scaleOf({ ...spec.x, from: spec.x.from }, [...(isOwnScale ? values(panel.rows) : common), ...(spec.x.at != null ? [spec.x.at] : [])], left, right);
    if (panel.title) svg.append(make("text", { x: left, y: top - 12, class: "head" }, panel.title));
    if (!isOwnScale || panels.length === 1) {
      for (const tick of scale.ticks) {
        svg.append(make("line", { x1: scale.place(tick), x2: scale.place(tick), y1: top, y2: bottom, class: "grid" }));
        svg.append(make("text", { x: scale.place(tick), y: bottom + 15, class: "tick middle" }, tickText(tick, spec.x.style)));
      }
    }
    if (spec.x.at != null) svg.append(make("line", { x1: scale.place(spec.x.at), x2: scale.place(spec.x.at), y1: top - 2, y2: bottom, class: "limit" }));
    panel.rows.forEach((one, index) => {
      const y = top + index * step + (stacked ? 29 : step / 2);
      if (stacked) svg.append(make("text", { x: left, y: y - 13, class: "name" }, one.name));
      else if (names) svg.append(make("text", { x: left - 10, y: y + 4, class: "name end" }, one.name));
      if (one.value === null) return svg.append(make("text", { x: left + 6, y: y + 4, class: "value" }, one.text));
      const at = scale.place(one.value), reach = one.interval ? Math.max(at, scale.place(one.interval[1])) : at;
      if (one.bar) svg.append(make("rect", { x: scale.place(scale.low), y: y - 7, width: Math.max(at - scale.place(scale.low), 1), height: 14, rx: 2, class: `bar look-${one.look}` }));
      if (one.interval) svg.append(make("line", { x1: scale.place(one.interval[0]), x2: scale.place(one.interval[1]), y1: y, y2: y, class: `span look-${one.look}` }));
      if (!one.bar) svg.append(make("circle", { cx: at, cy: y, r: 5, class: `dot look-${one.look}` }));
      svg.append(make("text", { x: reach + 9, y: y + 4, class: one.look === "gate" ? "value strong" : "value" }, one.text));
      const span = one.interval ? `, interval ${written(one.interval[0], spec.x.style)} to ${written(one.interval[1], spec.x.style)}` : "";
      spots.push({ x: at, y, words: `${panel.title ? panel.title + ", " : ""}${one.name}: ${one.text}${span}`, source: `${one.file}: ${one.key}` });
    });
  });
  svg.append(make("text", { x: isNarrow ? 4 : width - 6, y: height - 6, class: isNarrow ? "label" : "label end" }, isNarrow ? "" : spec.x.label));
  return { svg, spots, legend: null, above: isNarrow ? spec.x.label : "" };
}

function drawBars(spec, width) {
  const each = 150, heads = 26, height = spec.panels.length * (each + heads) + 40, left = 48, right = width - 8, spots = [];
  const svg = frame(width, height, spec.title);
  const last = Math.max(...spec.panels.flatMap((panel) => panel.series.flatMap((one) => one.counts.map(([age]) => age))), 4);
  const wide = (right - left) / last;
  spec.panels.forEach((panel, number) => {
    const top = number * (each + heads) + heads, bottom = top + each - 14, total = {};
    for (const series of panel.series) for (const [age, count] of series.counts) total[age] = (total[age] ?? 0) + count;
    const scale = scaleOf({ from: 0, dense: true }, [1, ...Object.values(total)], bottom, top);
    if (spec.early) svg.append(make("rect", { x: left, y: top, width: Math.min(spec.early, last) * wide, height: bottom - top, class: "early" }));
    svg.append(make("text", { x: left, y: top - 10, class: `head look-${panel.look} ink` }, panel.title));
    for (const tick of scale.ticks.filter(Number.isInteger)) {
      svg.append(make("line", { x1: left, x2: right, y1: scale.place(tick), y2: scale.place(tick), class: "grid" }));
      svg.append(make("text", { x: left - 8, y: scale.place(tick) + 4, class: "tick end" }, tickText(tick)));
    }
    const piled = {};
    for (const series of panel.series) {
      for (const [age, count] of series.counts) {
        const low = piled[age] ?? 0;
        piled[age] = low + count;
        const x = left + (age - 1) * wide + 0.1 * wide, y = scale.place(low + count);
        svg.append(make("rect", { x, y, width: 0.8 * wide, height: Math.max(scale.place(low) - y, 0.8), class: `bar look-${series.look.replace(" ", " look-")}` }));
        const where = Object.entries(series.where).map(([key, value]) => `${key} ${value}`).join(", ");
        spots.push({ x: x + 0.4 * wide, y: (y + scale.place(low)) / 2, words: `${panel.title}, ${series.name}, age ${age}: ${written(count, "count")} tracks`, source: `${series.file}: number with ${where}, decision_frame ${age}` });
      }
    }
    svg.append(make("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "base" }));
  });
  for (const age of niceTicks(1, last, Math.min(last, width / 34)).filter(Number.isInteger)) {
    svg.append(make("text", { x: left + (age - 0.5) * wide, y: height - 38, class: "tick middle" }, String(age)));
  }
  svg.append(make("text", { x: right, y: height - 8, class: "label end" }, spec.x.label));
  const seen = new Map(spec.panels.flatMap((panel) => panel.series.map((one) => [`${panel.look} ${one.name}`, { name: `${panel.look}, ${one.name}`, look: one.look.replace(" ", " look-") }])));
  return { svg, spots, legend: legend([...seen.values()]), above: spec.y.label };
}

// The reader: the point nearest to the pointer, or the next one by arrow keys, in words and with its place.
function readable(svg, spots, say) {
  svg.setAttribute("tabindex", "0");
  const ring = make("circle", { r: 8, class: "ring", visibility: "hidden" });
  svg.append(ring);
  let current = -1;
  const show = (index) => {
    current = index;
    const spot = spots[index];
    ring.setAttribute("cx", spot.x);
    ring.setAttribute("cy", spot.y);
    ring.setAttribute("visibility", "visible");
    say(spot);
  };
  const nearest = (event) => {
    const box = svg.getBoundingClientRect(), ratio = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * ratio, y = (event.clientY - box.top) * ratio;
    let best = -1, least = 60 ** 2;
    spots.forEach((spot, index) => {
      const distance = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (distance < least) [best, least] = [index, distance];
    });
    if (best >= 0 && best !== current) show(best);
  };
  svg.addEventListener("pointermove", nearest);
  svg.addEventListener("pointerdown", nearest);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !spots.length) return;
    event.preventDefault();
    show((current + step + spots.length) % spots.length);
  });
}

const DRAW = { lines: drawLines, rows: drawRows, bars: drawBars };
const charts = {};

function drawChart(place, spec) {
  const width = Math.max(280, Math.floor(place.clientWidth));
  const drawn = DRAW[spec.kind](spec, width);
  const said = html("p", { class: "said", "aria-live": "polite" });
  place.replaceChildren(...[drawn.above && html("p", { class: "above" }, drawn.above), drawn.svg, drawn.legend, said].filter(Boolean));
  readable(drawn.svg, drawn.spots, (spot) => said.replaceChildren(html("span", {}, spot.words), " ", html("span", { class: "source" }, spot.source)));
  return drawn;
}

// A table of all points of a chart, made when it is opened: the same numbers in words.
function tableOf(place, spec) {
  const drawn = DRAW[spec.kind](spec, 700);
  const table = html("table"), body = html("tbody"), head = html("tr");
  head.append(html("th", {}, "what"), html("th", {}, "from"));
  for (const spot of drawn.spots) {
    const line = html("tr");
    line.append(html("td", {}, spot.words), html("td", { class: "source" }, spot.source));
    body.append(line);
  }
  table.append(html("thead"), body);
  table.tHead.append(head);
  place.replaceChildren(table);
}

function startCharts(specs) {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const spec = specs[place.dataset.chart];
    charts[place.dataset.chart] = { spec, redraw: () => drawChart(place, spec) };
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(place.clientWidth - width) > 1) {
        width = place.clientWidth;
        drawChart(place, spec);
      }
    }).observe(place);
    const details = place.parentElement.querySelector("details.points");
    details?.addEventListener("toggle", () => details.open && tableOf(details.querySelector("div"), spec));
  }
}
