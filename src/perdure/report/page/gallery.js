// Decisions to look at one by one: cards that can be filtered, and a player of the clip with boxes, evidence, attention.
"use strict";

const images = {};

function imageOf(clip) {
  if (!clip.picture) return Promise.resolve(null);
  images[clip.file] ??= new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => done(null);
    image.src = clip.picture;
  });
  return images[clip.file];
}

function boxAt(track, frame) {
  const box = track.xyxy_px[frame - track.first_frame];
  return box && box.every((value) => value !== null) ? box : null;
}

// Paints one frame and all boxes: white and dashed while undecided, then in the colour of what was decided.
function paint(canvas, clip, items, image, frame, chosen, view) {
  const [x0, y0, x1, y1] = view ?? clip.view_px;
  const zoom = canvas.width / (x1 - x0), brush = canvas.getContext("2d");
  canvas.height = Math.round((y1 - y0) * zoom);
  brush.imageSmoothingEnabled = false;
  brush.fillStyle = "#14171c";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  if (image) {
    const [, , width, height] = clip.view_px, column = frame % clip.columns, row = Math.floor(frame / clip.columns);
    brush.drawImage(image, column * width + x0, row * height + y0, x1 - x0, y1 - y0, 0, 0, canvas.width, canvas.height);
  }
  for (const item of items) {
    const track = item.track, box = boxAt(track, frame);
    if (!box) continue;
    const age = frame - track.first_frame + 1, isDecided = age >= item.decision_frame, isChosen = item === chosen;
    const isHit = track.is_hit[frame - track.first_frame] === 1;
    const colour = !isDecided ? "#ffffff" : { confirmed: "#56b4e9", rejected: "#e69f00", undecided: "#c9ced6" }[item.outcome];
    const margin = 2, at = [(box[0] - x0 - margin) * zoom, (box[1] - y0 - margin) * zoom];
    const size = [(box[2] - box[0] + 2 * margin) * zoom, (box[3] - box[1] + 2 * margin) * zoom];
    brush.lineWidth = isChosen ? 3 : 1.5;
    brush.strokeStyle = colour;
    brush.setLineDash(isHit ? [] : [5, 4]);
    brush.strokeRect(...at, ...size);
    brush.setLineDash([]);
    if (view) continue;
    const text = `${item.track_id}${isDecided && !item.is_right ? " wrong" : ""}`;
    brush.font = "bold 13px sans-serif";
    const room = brush.measureText(text).width + 8, above = at[1] > 20 ? at[1] - 18 : at[1] + size[1] + 2;
    const start = Math.min(Math.max(at[0], 0), canvas.width - room);
    brush.fillStyle = isDecided && !item.is_right ? "#a3123c" : colour;
    brush.fillRect(start, above, room, 17);
    brush.fillStyle = isDecided && !item.is_right ? "#fff" : "#14171c";
    brush.fillText(text, start + 4, above + 13);
  }
}

function decidedAt(item) {
  return item.track.first_frame + item.decision_frame - 1;
}

function outcomeWords(item) {
  const words = { confirmed: "confirmed", rejected: "rejected", undecided: "undecided, not confirmed," }[item.outcome];
  return `${words} at age ${item.decision_frame}`;
}

function verdictWords(item) {
  return item.is_right ? "right" : `WRONG, it is ${item.true_label}`;
}

function around(box, clip) {
  if (!clip.picture) return clip.view_px;
  const half = Math.max(14, 1.6 * Math.max(box[2] - box[0], box[3] - box[1])), [, , width, height] = clip.view_px;
  const side = Math.min(2 * half, width, height);
  const x = Math.min(Math.max((box[0] + box[2]) / 2 - side / 2, 0), width - side);
  const y = Math.min(Math.max((box[1] + box[3]) / 2 - side / 2, 0), height - side);
  return [x, y, x + side, y + side];
}

function card(item, clip, open) {
  const button = html("button", { class: `card ${item.is_right ? "" : "is-wrong"}`, type: "button", "data-row": item.row });
  const canvas = html("canvas", { width: 132, height: 132, "aria-hidden": "true" });
  const frame = Math.min(decidedAt(item), item.track.first_frame + item.track.xyxy_px.length - 1);
  const box = boxAt(item.track, frame) ?? boxAt(item.track, item.track.first_frame) ?? clip.view_px;
  imageOf(clip).then((image) => paint(canvas, clip, [item], image, frame, item, around(box, clip)));
  const words = html("span", { class: "words" });
  words.append(
    html("strong", {}, outcomeWords(item)),
    html("span", { class: item.is_right ? "right" : "wrong" }, verdictWords(item)),
    html("span", { class: "faint" }, `${item.clip_id} / ${item.track_id}: ${item.reason_words}`),
  );
  button.append(canvas, words);
  button.addEventListener("click", () => open(item));
  return button;
}

const ORDERS = {
  earliest: (one, other) => one.decision_frame - other.decision_frame,
  latest: (one, other) => other.decision_frame - one.decision_frame,
  closest: (one, other) => Math.abs(one.evidence) - Math.abs(other.evidence),
};

function filtered(items, form) {
  const { verdict, truth, reason, order } = Object.fromEntries(new FormData(form));
  return items
    .filter((item) => verdict === "any" || (verdict === "wrong") !== item.is_right)
    .filter((item) => truth === "any" || item.true_label === truth)
    .filter((item) => reason === "any" || item.reason === reason)
    .sort(ORDERS[order]);
}

function trace(item, clip, bounds) {
  const { evidence, first_frame: first } = item.track;
  const look = { look: item.outcome === "confirmed" ? "persistent" : "transient" };
  const points = evidence.map((value, index) => [first + index, value]).filter((point) => point[1] !== null);
  const at = [decidedAt(item), item.evidence];
  const ends = [0, clip.picture ? clip.num_frames - 1 : first + clip.num_frames - 1];
  const lines = Object.entries(bounds).filter(([, value]) => value !== null).map(([name, value]) => ({
    name: `${name} bound`, look: "muted", line: "dashed", source: item.bounds_source,
    points: [[clip.picture ? ends[0] : first, value], [ends[1], value]],
  }));
  return {
    kind: "lines",
    title: `Evidence of track ${item.track_id} by frame`,
    x: { label: "frame", style: "count", from: clip.picture ? 0 : first, to: ends[1] },
    y: { label: "evidence, nats", style: "signed" },
    series: [{ name: `track ${item.track_id}`, ...look, source: item.track_source, points }, ...lines],
    marks: [{ name: "what the gate had when it decided", ...look, source: item.source, points: [at] }],
  };
}

// A row for each track: how much attention each of its tokens receives, one being uniform; the frame shown is framed.
function attentionRows(clip, items, chosen, frame) {
  const rows = items.filter((item) => item.track.attention);
  if (!rows.length) return null;
  const size = 18, left = 92, width = left + clip.num_frames * 14 + 4, height = rows.length * size + 22;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", width, height, "aria-label": "attention that each token receives, by track and frame", class: "attention" });
  const top = Math.max(1.5, ...rows.flatMap((item) => item.track.attention.filter((value) => value !== null)));
  rows.forEach((item, index) => {
    svg.append(make("text", { x: left - 8, y: index * size + 13, class: `tick end ${item === chosen ? "strong" : ""}` }, `${item.track_id} ${item.true_label.slice(0, 5)}.`));
    item.track.attention.forEach((value, age) => {
      if (value === null) return;
      const strength = value <= 1 ? 0.12 * value : 0.12 + 0.88 * ((value - 1) / (top - 1));
      const cell = make("rect", { x: left + (item.track.first_frame + age) * 14, y: index * size + 2, width: 13, height: size - 4, class: "heat", "fill-opacity": Math.max(strength, 0.04).toFixed(3) });
      cell.append(make("title", {}, `track ${item.track_id}, frame ${item.track.first_frame + age}: ${value.toFixed(2)} times uniform`));
      svg.append(cell);
    });
  });
  svg.append(make("rect", { x: left + frame * 14 - 1, y: 0, width: 15, height: rows.length * size, class: "cursor", "data-cursor": "" }));
  svg.append(make("text", { x: left, y: height - 4, class: "label" }, `attention received: pale is none, strongest is ${top.toFixed(1)} times uniform`));
  return svg;
}

function facts(item) {
  const list = html("dl", { class: "facts" });
  for (const [name, text, key] of [
    ["verdict", `${outcomeWords(item)}: ${verdictWords(item)}`, "label"],
    ["why", item.reason_words, "reason"],
    ["evidence", `${written(item.evidence, "signed")} nats`, "evidence"],
    ["probability of persistent", item.probability_text, "probability"],
    ["frames encoded", written(item.frames_encoded, "count"), "frames_encoded"],
  ]) {
    const value = html("dd", {}, text);
    value.append(" ", html("span", { class: "source" }, `${item.source}, ${key}`));
    list.append(html("dt", {}, name), value);
  }
  return list;
}

function startGallery(gallery) {
  const form = document.getElementById("gallery-form"), grid = document.getElementById("gallery-cards");
  if (!form || !gallery) return;
  const dialog = document.getElementById("player"), canvas = dialog.querySelector("canvas");
  const slider = dialog.querySelector("input[type=range]"), play = dialog.querySelector("[data-play]");
  const clips = Object.fromEntries(gallery.clips.map((clip) => [clip.name, clip]));
  const items = gallery.items.map((item) => ({ ...item, track: clips[item.clip].tracks[item.place] }));
  let shown = null, timer = 0, inOrder = items;

  const draw = async () => {
    const { item, clip, others } = shown, frame = Number(slider.value);
    paint(canvas, clip, others, await imageOf(clip), frame, item);
    dialog.querySelector("[data-frame]").textContent = `frame ${frame}`;
    dialog.querySelector("[data-cursor]")?.setAttribute("x", 92 + frame * 14 - 1);
    const age = frame - item.track.first_frame + 1, evidence = item.track.evidence[age - 1];
    const state = age < 1 ? "not born yet" : age < item.decision_frame ? "undecided" : outcomeWords(item);
    dialog.querySelector("[data-now]").textContent = `Track ${item.track_id}: ${state}` + (evidence == null ? "" : `; evidence ${written(evidence, "signed")} nats`);
  };
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const step = (by) => {
    const low = Number(slider.min), high = Number(slider.max);
    const next = Number(slider.value) + by;
    slider.value = next > high ? low : next < low ? high : next;
    draw();
  };
  const start = () => {
    play.textContent = "Pause";
    timer = setInterval(() => step(1), 180);
  };
  const toggle = () => (timer ? pause() : start());
  const open = (item, isPlaying = true) => {
    const clip = clips[item.clip], others = items.filter((other) => other.clip === item.clip);
    shown = { item, clip, others };
    pause();
    const first = clip.picture ? 0 : item.track.first_frame;
    Object.assign(slider, { min: first, max: first + clip.num_frames - 1 });
    slider.value = first;
    canvas.width = 480;
    dialog.querySelector("h3").textContent = `${item.clip_id}, track ${item.track_id}`;
    canvas.setAttribute("aria-label", `${outcomeWords(item)}, ${verdictWords(item)}`);
    dialog.querySelector("[data-facts]").replaceChildren(facts(item));
    const rows = attentionRows(clip, others, item, first);
    dialog.querySelector("[data-attention]").replaceChildren(...(rows ? [rows] : []));
    if (!dialog.open) dialog.showModal();
    drawChart(dialog.querySelector("[data-trace]"), trace(item, clip, item.bounds));
    draw();
    if (isPlaying && !matchMedia("(prefers-reduced-motion: reduce)").matches) start();
  };
  const other = (by) => {
    const place = inOrder.indexOf(shown.item);
    open(inOrder[(place + by + inOrder.length) % inOrder.length], Boolean(timer));
  };
  const refresh = () => {
    inOrder = filtered(items, form);
    grid.replaceChildren(...inOrder.map((item) => card(item, clips[item.clip], open)));
    document.getElementById("gallery-count").textContent = `${inOrder.length} of ${items.length} decisions that can be played`;
  };
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => { pause(); draw(); });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.querySelector("[data-previous]").addEventListener("click", () => other(-1));
  dialog.querySelector("[data-next]").addEventListener("click", () => other(1));
  dialog.addEventListener("close", pause);
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest("button, input, svg") && event.key !== " ") return;
    if (event.key === " " && !event.target.closest("button")) { event.preventDefault(); toggle(); }
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") { event.preventDefault(); pause(); step(event.key === "ArrowRight" ? 1 : -1); }
  });
  form.addEventListener("input", refresh);
  form.addEventListener("submit", (event) => event.preventDefault());
  refresh();
}
