// Runs: a list, and the chosen ones side by side.
import { Chart, Points, colourOf, isDark } from "/page/charts.js";
import { duration, el, facts, fill, listen } from "/page/parts.js";

const STYLES = { running: "", finished: "good", stale: "bad", failed: "bad", killed: "bad", unreadable: "bad" };
const FIRST_CHARTS = 6;
const FIRST_OF_ALL = ["loss", "persistence", "squared", "psnr_db"];

const pill = (state) => el("span", { class: `pill ${STYLES[state] ?? "warn"}` }, state);
const eta = (run) => (run.state === "running" && run.progress ? run.progress.eta : null);
const share = (run) => (run.state === "finished" ? 100 : run.progress?.run ?? 0);
const met = (run) => run.targets.filter((target) => target.word === "PASS").length;
const verdict = (run) => run.targets.length ? `${met(run)} of ${run.targets.length} met` : "-";
const beat = (run) => run.beat && run.state !== "finished" ? `${duration(run.beat.age_s)} ago` : "-";
const stageOf = (run) => run.progress ? `${run.progress.stage} (${run.progress.index} of ${run.progress.num})` : "-";

export class RunsView {
  constructor(main) {
    this.runs = [];
    this.curves = new Map();
    this.details = new Map();
    this.charts = new Map();
    this.chosen = null;
    this.list = el("ul", { class: "runs", "aria-label": "runs" });
    this.search = el("input", { type: "search", placeholder: "find runs", "aria-label": "find runs",
      oninput: () => this.drawList() });
    this.right = el("div", { class: "stack" });
    main.append(el("div", { class: "columns" },
      el("section", { class: "stack", "aria-label": "all runs" }, this.search, this.list), this.right));
    this.build();
    this.timer = setInterval(() => this.drawIfNew(), 300);
    this.onDark = () => { this.isNew = true; };
    isDark.addEventListener("change", this.onDark);
  }

  build() {
    this.head = el("section", { class: "card", "aria-label": "state" });
    this.key = el("div", { class: "key" });
    this.grid = el("div", { class: "charts" });
    this.note = el("p", { class: "dim small" });
    this.filter = el("input", { type: "search", placeholder: "find curves", "aria-label": "find curves",
      oninput: () => { this.isNew = true; } });
    this.log = el("button", { "aria-pressed": "false", onclick: () => this.toggle(this.log) }, "log scale");
    this.all = el("button", { "aria-pressed": "false", onclick: () => this.toggle(this.all) }, "all curves");
    this.load = el("div", { class: "charts" });
    this.cpu = new Chart("processor, percent of a core", { isTime: true, height: 120, isPlain: true });
    this.memory = new Chart("memory, MB", { isTime: true, height: 120, isPlain: true });
    this.load.append(this.cpu.figure, this.memory.figure);
    this.pictures = el("div", { class: "pictures" });
    this.tail = el("pre", { tabindex: "0", "aria-label": "end of the log" });
    this.right.append(this.head,
      el("section", { class: "card", "aria-label": "curves" },
        el("div", { class: "row" }, el("h3", {}, "Curves"), el("span", { class: "push" }), this.filter, this.log,
          this.all), this.key, this.grid, this.note),
      el("section", { class: "card" }, el("h3", {}, "Load of the machine by this run"), this.load),
      el("section", { class: "card" }, el("h3", {}, "Newest pictures"), this.pictures),
      el("section", { class: "card" }, el("h3", {}, "End of the log"), this.tail));
  }

  toggle(button) {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
    this.isNew = true;
  }

  /** Shows the runs that the address names; without any the newest one. */
  show(parameters) {
    const names = parameters.getAll("run");
    if (this.chosen && names.join("\n") === this.chosen.join("\n")) return;
    this.chosen = names;
    this.connect();
  }

  connect() {
    this.source?.close();
    this.curves.clear();
    this.details.clear();
    this.isNew = true;
    const query = new URLSearchParams(this.chosen.map((name) => ["run", name])).toString();
    this.source = listen(`/events?${query}`, {
      runs: (runs) => this.takeRuns(runs),
      curves: (value) => this.takeCurves(value),
      rows: (value) => this.takeRows(value),
      detail: (value) => { this.details.set(value.name, value); this.isNew = true; },
      again: () => this.connect(),
    });
  }

  takeRuns(runs) {
    const order = { running: 0, stale: 1 };
    this.runs = runs.sort((a, b) => (order[a.state] ?? 2) - (order[b.state] ?? 2)
      || (b.started ?? "").localeCompare(a.started ?? "") || a.name.localeCompare(b.name));
    this.drawList();
    this.isNew = true;
    if (!this.chosen.length && this.runs.length) {
      history.replaceState(null, "", `#${new URLSearchParams([["view", "runs"], ["run", this.runs[0].name]])}`);
      this.show(new URLSearchParams(location.hash.slice(1)));
    }
  }

  takeCurves({ run, curves, counts, share, num_rows, num_torn }) {
    const points = new Map(Object.entries(curves).map(([key, columns]) => [key, new Points(columns)]));
    this.curves.set(run, { points, counts, share, rows: num_rows, torn: num_torn });
    this.isNew = true;
  }

  takeRows({ run, rows }) {
    const known = this.curves.get(run);
    if (!known) return;
    for (const [stage, values] of rows) {
      known.rows += 1;
      known.counts[stage] = (known.counts[stage] ?? 0) + 1;
      const x = values.step ?? known.counts[stage];
      for (const [name, value] of Object.entries(values)) {
        if (name === "step") continue;
        const key = `${stage}/${name}`;
        if (!known.points.has(key)) known.points.set(key, new Points());
        known.points.get(key).add(x, value);
      }
    }
    this.isNew = true;
  }

  choose(name, isChosen) {
    const others = this.chosen.filter((other) => other !== name);
    const names = isChosen ? [...others, name] : others;
    if (!names.length) return this.drawList();
    location.hash = new URLSearchParams([["view", "runs"], ...names.map((one) => ["run", one])]).toString();
  }

  drawList() {
    const text = this.search.value.toLowerCase();
    const shown = this.runs.filter((run) => run.name.toLowerCase().includes(text));
    this.search.hidden = this.runs.length < 6;
    const focused = document.activeElement?.dataset?.run;
    fill(this.list, [shown.map((run) => [run.name, run.state, share(run), eta(run), stageOf(run)]), this.chosen], () =>
      shown.length ? shown.map((run) => this.item(run)) : el("li", { class: "empty" }, "no run yet"));
    if (focused) [...this.list.querySelectorAll("input")].find((box) => box.dataset.run === focused)?.focus();
    for (const box of this.list.querySelectorAll("input")) box.checked = this.chosen.includes(box.dataset.run);
  }

  item(run) {
    const box = el("input", { type: "checkbox", "data-run": run.name,
      onchange: (event) => this.choose(run.name, event.target.checked) });
    const left = eta(run) && eta(run) !== "unknown" ? `${eta(run)} left` : "";
    return el("li", {}, el("label", {},
      el("span", { class: "row" }, box, el("span", { class: "name" }, run.name), pill(run.state)),
      el("progress", { max: 100, value: share(run), "aria-label": `${share(run)} percent` }),
      el("span", { class: "row small dim" }, el("span", {}, run.state === "finished" ? "every stage ran" : stageOf(run)),
        el("span", { class: "push" }, left || `${share(run)} %`))));
  }

  drawIfNew() {
    if (!this.isNew || document.hidden) return;
    this.isNew = false;
    const runs = this.chosen.map((name) => this.runs.find((run) => run.name === name)).filter(Boolean);
    fill(this.head, [runs], () => (runs.length === 1 ? this.one(runs[0]) : this.sideBySide(runs)));
    this.drawList();
    this.drawCurves();
    this.drawDetail();
  }

  one(run) {
    const planned = Math.max(0, (run.progress?.num ?? 0) - run.stages.length);
    return [
      el("div", { class: "row" }, el("h2", {}, run.name), pill(run.state),
        el("span", { class: "dim small push" }, [run.recipe, run.is_here === false ? `on ${run.host}` : run.machine]
          .filter(Boolean).join(", "))),
      facts([
        ["stage", stageOf(run)], ["of the run", `${share(run)} %`], ["time left", eta(run) ?? "-"],
        ["worked", duration(run.duration_s)], ["last sign of life", beat(run), run.beat?.is_stale ? "pill bad" : null],
        ["targets", verdict(run), run.targets.length && met(run) < run.targets.length ? "transient" : null],
      ]),
      el("progress", { max: 100, value: share(run), "aria-label": `${share(run)} percent of the run` }),
      el("ul", { class: "stages", "aria-label": "stages" }, ...run.stages.map((stage) =>
        el("li", { class: stage.status, title: stage.error }, `${stage.name}: ${stage.status}`,
          stage.duration_s ? `, ${duration(stage.duration_s)}` : "")),
      planned ? el("li", {}, `${planned} more to come`) : null),
      el("p", { class: "small dim" }, run.text ?? ""),
      run.advice ? el("p", { class: "small" }, el("b", {}, "What to do: "), run.advice) : null,
      run.targets.length ? el("details", {}, el("summary", { class: "small" }, "targets"), el("div", { class: "scroll" },
        el("table", {}, el("tr", {}, ...["", "target", "asked", "came out"].map((name) => el("th", {}, name))),
          ...run.targets.map((target) => el("tr", {}, el("td", {}, pillOf(target.word)), el("td", {}, target.name),
            el("td", {}, target.target), el("td", {}, target.value)))))) : null,
    ];
  }

  sideBySide(runs) {
    const rows = [
      ["state", (run) => pill(run.state)], ["stage", stageOf], ["of the run", (run) => `${share(run)} %`],
      ["time left", (run) => eta(run) ?? "-"], ["last sign of life", beat], ["worked", (run) => duration(run.duration_s)],
      ["targets", verdict], ["recipe", (run) => run.recipe],
    ];
    return [el("h2", {}, `${runs.length} runs side by side`), el("div", { class: "scroll" }, el("table", {},
      el("tr", {}, el("th", {}, ""), ...runs.map((run) => el("th", {}, run.name))),
      ...rows.map(([name, value]) => el("tr", {}, el("th", {}, name), ...runs.map((run) => el("td", {}, value(run)))))))];
  }

  /** Returns the curves by figure: what is validated stands beside what is trained. */
  figures() {
    const found = new Map();
    this.chosen.forEach((run, index) => {
      for (const [key, points] of this.curves.get(run)?.points ?? []) {
        const [stage, ...rest] = key.split("/");
        const name = rest.join("/");
        const isHeldOut = name.startsWith("validation_");
        const figure = `${stage}: ${isHeldOut ? name.slice("validation_".length) : name}`;
        if (!found.has(figure)) found.set(figure, []);
        found.get(figure).push({ label: `${run}${isHeldOut ? ", validation" : ""}`, colour: colourOf(index), points,
          dash: isHeldOut ? [5, 4] : undefined });
      }
    });
    const rank = (figure) => {
      const place = FIRST_OF_ALL.indexOf(figure.split(": ")[1]);
      return place < 0 ? FIRST_OF_ALL.length : place;
    };
    return [...found].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
  }

  drawCurves() {
    const text = this.filter.value.toLowerCase();
    const found = this.figures().filter(([figure]) => figure.toLowerCase().includes(text));
    const isAll = this.all.getAttribute("aria-pressed") === "true";
    const shown = isAll || text ? found : found.slice(0, FIRST_CHARTS);
    this.all.hidden = found.length <= FIRST_CHARTS && !isAll;
    this.all.textContent = isAll ? "fewer" : `all ${found.length} curves`;
    const names = new Set(shown.map(([figure]) => figure));
    for (const [figure, chart] of this.charts) {
      if (!names.has(figure)) { chart.figure.remove(); chart.plot?.destroy(); this.charts.delete(figure); }
    }
    for (const [figure, curves] of shown) {
      if (!this.charts.has(figure)) this.charts.set(figure, new Chart(figure));
      const chart = this.charts.get(figure);
      this.grid.append(chart.figure);
      chart.draw(curves, { isLog: this.log.getAttribute("aria-pressed") === "true" });
    }
    const isHeldOut = shown.some(([, curves]) => curves.some((curve) => curve.dash));
    fill(this.key, [this.chosen, isHeldOut, isDark.matches], () => [
      ...(this.chosen.length > 1 ? this.chosen : []).map((run, index) => el("span", {}, swatch(colourOf(index)), run)),
      isHeldOut ? el("span", { class: "dim" }, "dashed: validation") : null,
    ]);
    this.note.textContent = this.chosen.map((run) => this.told(run)).filter(Boolean).join(" ");
  }

  told(run) {
    const known = this.curves.get(run);
    if (!known) return "";
    const name = this.chosen.length > 1 ? `${run}: ` : "";
    const torn = known.torn ? `; ${known.torn} lines are no rows and were left out` : "";
    if (known.share < 1) return `${name}reading, ${Math.round(100 * known.share)} %.`;
    return known.rows ? `${name}${known.rows} rows${torn}.` : `${name}no curves yet${torn}.`;
  }

  drawDetail() {
    const name = this.chosen[this.chosen.length - 1];
    const detail = this.details.get(name);
    if (!detail) return;
    const times = detail.load.map(([time]) => Date.parse(time) / 1000);
    [[this.cpu, 1], [this.memory, 2]].forEach(([chart, column]) => {
      const points = new Points();
      detail.load.forEach((beat, index) => points.add(times[index], beat[column]));
      chart.draw([{ label: name, colour: colourOf(column - 1), points }]);
    });
    fill(this.pictures, [name, detail.pictures], () => detail.pictures.length ? detail.pictures.map(([path, time]) => {
      const address = `/picture?${new URLSearchParams({ run: name, path, time })}`;
      return el("a", { href: address, target: "_blank", rel: "noreferrer" },
        el("img", { src: address, alt: path, loading: "lazy" }), path.split("/").pop());
    }) : el("p", { class: "dim small" }, "no picture yet"));
    const isAtEnd = this.tail.scrollTop + this.tail.clientHeight >= this.tail.scrollHeight - 8;
    const text = detail.log.join("\n") || "nothing was logged yet";
    if (this.tail.textContent !== text) {
      this.tail.textContent = text;
      if (isAtEnd) this.tail.scrollTop = this.tail.scrollHeight;
    }
  }

  close() {
    this.source?.close();
    clearInterval(this.timer);
    isDark.removeEventListener("change", this.onDark);
  }
}

const pillOf = (word) => el("span", { class: `pill ${word === "PASS" ? "good" : "bad"}` }, word);

function swatch(colour) {
  const made = el("i");
  made.style.background = colour;
  return made;
}
