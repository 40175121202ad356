// What any pair of bounds makes of the stored scores: the same as `cost_of_bounds` in Python, track by track.
"use strict";

function costOfBounds(scores, upper, lower) {
  const found = { num_persistent: 0, num_transient: 0, num_confirmed: 0, num_false_confirms: 0, num_undecided: 0 };
  let ages = 0, counted = 0, confirmAges = 0;
  for (let track = 0; track < scores.evidence.length; track++) {
    const evidence = scores.evidence[track];
    let age = 0, isConfirmed = false, isDecided = false;
    while (age < evidence.length && !isDecided) {
      const value = evidence[age++];
      isDecided = value >= upper || value <= lower;
      isConfirmed = value >= upper;
    }
    if (!isDecided) {
      const isForced = evidence.length >= scores.horizon;
      if (!isForced && scores.is_open[track]) continue;
      found.num_undecided++;
      isConfirmed = isForced && scores.on_timeout === "persistent";
      if (!isForced) age++;
    }
    const isPersistent = scores.is_persistent[track] === 1;
    ages += age;
    counted++;
    found[isPersistent ? "num_persistent" : "num_transient"]++;
    if (isConfirmed) found[isPersistent ? "num_confirmed" : "num_false_confirms"]++;
    if (isConfirmed && isPersistent) confirmAges += age;
  }
  const share = (part, whole) => (whole ? part / whole : null);
  found.miss_rate = share(found.num_persistent - found.num_confirmed, found.num_persistent);
  found.false_confirm_rate = share(found.num_false_confirms, found.num_transient);
  found.mean_decision_frame = share(ages, counted);
  found.mean_confirm_frame = share(confirmAges, found.num_confirmed);
  return found;
}

const GRID_NATS = 0.05;

// The least upper bound, on a grid, that keeps a rate of false confirms; null where none does.
function boundFor(scores, rate, lower, slider) {
  for (let upper = Number(slider.min); upper <= Number(slider.max) + 1e-9; upper += GRID_NATS) {
    if (upper <= lower) continue;
    const found = costOfBounds(scores, upper, lower);
    if (found.false_confirm_rate !== null && found.false_confirm_rate <= rate) return upper;
  }
  return null;
}

function startBounds(scores) {
  const form = document.getElementById("bounds-form");
  if (!form || !scores) return;
  const [upper, lower] = ["upper", "lower"].map((name) => form.elements[name]);
  const isOff = form.elements.off;
  const shown = (name) => form.querySelector(`output[data-of="${name}"]`);
  const styles = { miss_rate: "percent", false_confirm_rate: "percent", mean_decision_frame: "two", mean_confirm_frame: "two" };
  const update = () => {
    if (!isOff.checked && Number(lower.value) >= Number(upper.value)) lower.value = Number(upper.value) - GRID_NATS;
    const down = isOff.checked ? -Infinity : Number(lower.value);
    lower.disabled = isOff.checked;
    const found = costOfBounds(scores, Number(upper.value), down);
    shown("upper").textContent = written(Number(upper.value), "signed") + " nats";
    shown("lower").textContent = isOff.checked ? "none" : written(down, "signed") + " nats";
    for (const cell of document.querySelectorAll("[data-cost]")) {
      const name = cell.dataset.cost;
      cell.textContent = written(found[name], styles[name] ?? "count");
      cell.dataset.value = found[name];
    }
    const chart = charts.frontier;
    if (chart && found.miss_rate !== null && found.false_confirm_rate !== null) {
      const error = (found.miss_rate + found.false_confirm_rate) / 2;
      chart.spec.extra = error > 0 ? [{ name: "the bounds of the slider", look: "chosen", source: "computed here from evaluation/scores.json", points: [[found.mean_decision_frame, error]] }] : [];
      chart.redraw();
    }
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  const said = document.getElementById("bounds-said");
  for (const button of form.querySelectorAll("button[data-rate]")) {
    button.addEventListener("click", () => {
      const rate = Number(button.dataset.rate);
      const found = boundFor(scores, rate, isOff.checked ? -Infinity : Number(lower.value), upper);
      said.textContent = found === null ? `No upper bound of the slider keeps ${written(rate, "percent")}.` : `Least upper bound that would have kept ${written(rate, "percent")} on these very tracks, in hindsight.`;
      if (found !== null) upper.value = found;
      update();
    });
  }
  form.querySelector("button[data-start]").addEventListener("click", () => {
    form.reset();
    said.textContent = "The bounds of this run.";
    update();
  });
  update();
}
