// A watched camera: its newest picture, what is decided, and why so far.
import { duration, el, facts, fill, listen, number, percent } from "/page/parts.js";

const MOST_DECISIONS = 60;
const GROUPS = [["tentative", "Undecided"], ["persistent", "Confirmed"], ["transient", "Rejected"]];
const WORDS = { persistent: "confirmed", transient: "rejected" };

export class WatchedView {
  constructor(main) {
    this.decisions = [];
    this.num = 0;
    this.picture = el("img", { alt: "newest annotated frame", hidden: true });
    this.noPicture = el("p", { class: "empty" }, "No picture: start perdure watch with --page.");
    this.title = el("div", { class: "row" });
    this.tiles = el("div");
    this.alarms = el("div");
    this.tracks = el("section", { class: "card", "aria-label": "tracks" });
    this.table = el("div", { class: "log-of scroll", tabindex: "0", role: "region", "aria-label": "decisions" });
    main.append(el("div", { class: "stack" },
      el("div", { class: "camera" },
        el("section", { class: "card stack" }, this.title, this.picture, this.noPicture),
        el("div", { class: "stack" },
          el("section", { class: "card", "aria-label": "so far" }, this.tiles, this.alarms),
          el("section", { class: "card" }, el("h3", {}, "Decisions as they fall"), this.table))),
      this.tracks));
    this.connect();
  }

  connect() {
    this.source?.close();
    this.source = listen("/watched/events", {
      watched: (value) => this.take(value),
      decisions: (value) => this.takeDecisions(value),
      again: () => this.connect(),
    });
  }

  show() {}

  take({ state, age_s, summary, tracks }) {
    if (document.hidden) return;
    const totals = summary ?? state; // the newest state is up to a fifth of a second older than the end
    const isLive = state && !summary && age_s < 10;
    const word = summary ? "ended" : isLive ? "live" : state ? `silent for ${duration(age_s)}` : "waiting";
    fill(this.title, [word, totals?.source], () => [el("h2", {}, totals?.source ?? "no stream yet"),
      el("span", { class: `pill push ${isLive ? "good" : "warn"}` }, word)]);
    fill(this.tiles, [totals && { ...totals, time: 0 }], () => (totals ? this.numbers(summary ? null : state, summary) : []));
    fill(this.alarms, [state?.drift, state?.is_guaranteed, state?.compared], () => this.promise(state));
    if (state && this.frame !== state.frame_index) {
      this.frame = state.frame_index;
      this.load(state.frame_index);
    }
    this.drawTracks(tracks);
  }

  /** Loads the newest picture; the one before stays until it is there. */
  load(frame) {
    if (this.isLoading) return;
    this.isLoading = true;
    const next = new Image();
    next.onload = () => {
      this.isLoading = false;
      this.picture.src = next.src;
      this.picture.hidden = false;
      this.noPicture.hidden = true;
    };
    next.onerror = () => { this.isLoading = false; };
    next.src = `/watched/picture?frame=${frame}`;
  }

  numbers(state, summary) {
    const rows = state ? [
      ["frames a second", number(state.frames_per_s)], ["frame", state.frame_index + 1],
      ["live tracks", state.num_live], ["undecided", state.num_tentative, "tentative"],
      ["confirmed", state.num_persistent, "persistent"], ["rejected", state.num_transient, "transient"],
      ["compute saved", percent(state.savings)],
    ] : [
      ["frames", summary.num_frames], ["tracks", summary.num_tracks],
      ["confirmed", summary.num_persistent, "persistent"], ["rejected", summary.num_transient, "transient"],
      ["undecided", summary.num_undecided, "tentative"], ["compute saved", percent(summary.savings_track_frames)],
    ];
    return facts(rows, "tiles");
  }

  promise(state) {
    if (!state) return [];
    return [
      el("p", { class: "small" }, el("span", { class: `pill ${state.is_guaranteed ? "good" : "warn"}` },
        state.is_guaranteed ? "error rates as promised" : "no promise on error rates")),
      state.compared ? el("p", { class: "small dim" }, state.compared) : null,
      state.drift.length ? el("ul", { class: "alarms" }, ...state.drift.map((line) => el("li", {}, line)))
        : el("p", { class: "small dim" }, "No drift."),
    ];
  }

  drawTracks(tracks) {
    const newest = tracks.reduce((most, track) => Math.max(most, track.last_frame), 0);
    // A track that was given up undecided is rejected by that; its last row was written before.
    const groupOf = (track) => track.status === "tentative" && track.last_frame < newest ? "transient" : track.status;
    fill(this.tracks, tracks, () => el("div", { class: "tracks" }, ...GROUPS.map(([status, title]) => {
      const shown = tracks.filter((track) => groupOf(track) === status).slice(0, 14);
      return el("div", {}, el("h3", { class: status }, `${title} (${shown.length})`),
        el("ul", {}, ...shown.map((track) => el("li", { class: track.last_frame < newest ? "gone" : "" },
          el("b", {}, `#${track.track_id}`), el("span", { class: "dim" }, `${track.age} frame${track.age === 1 ? "" : "s"}`),
          spark(track.evidence, status), percent(track.probability)))),
        shown.length ? null : el("p", { class: "dim small" }, "none now"));
    })));
  }

  takeDecisions({ is_new, rows }) {
    if (is_new) this.decisions = [];
    this.decisions = [...rows.reverse(), ...this.decisions].slice(0, MOST_DECISIONS);
    const head = ["time", "track", "verdict", "age", "sure", "by"].map((name) => el("th", {}, name));
    fill(this.table, this.decisions, () => this.decisions.length ? el("table", {}, el("tr", {}, ...head),
      ...this.decisions.map((row) => el("tr", {}, el("td", {}, duration(row.time_s)), el("td", {}, `#${row.track_id}`),
        el("td", { class: row.label }, WORDS[row.label] ?? row.label), el("td", {}, row.age),
        el("td", {}, percent(row.label === "persistent" ? row.probability : 1 - row.probability)),
        el("td", {}, row.reason)))) : el("p", { class: "dim small" }, "none yet"));
  }

  close() {
    this.source?.close();
  }
}

/** Returns the course of the evidence: up for persistent, down for transient, the line is at zero. */
function spark(values, status) {
  const made = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const most = Math.max(2, ...values.map(Math.abs));
  const points = values.map((value, index) => `${index},${(-value / most).toFixed(3)}`);
  if (points.length === 1) points.push(`1,${points[0].split(",")[1]}`);
  const width = Math.max(8, values.length - 1);
  const svg = made("svg", { viewBox: `0 -1.1 ${width} 2.2`, preserveAspectRatio: "none", role: "img", class: status,
    "aria-label": `evidence ${number(values[values.length - 1])} nats` });
  svg.append(made("line", { class: "zero", x1: 0, x2: width, y1: 0, y2: 0 }),
    made("polyline", { class: "spark", points: points.join(" ") }));
  return svg;
}
