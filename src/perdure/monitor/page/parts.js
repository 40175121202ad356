// Small parts of the page. Texts of files are put in as text, never as HTML.

/** Returns an element with attributes, listeners (onclick: ...) and children. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined).map((child) =>
    child instanceof Node ? child : String(child)));
  return made;
}

/** Puts children in the place of those that are there, unless nothing has changed. */
export function fill(place, key, make) {
  const text = JSON.stringify(key);
  if (place.dataset.key === text) return;
  place.dataset.key = text;
  place.replaceChildren(...[make()].flat().filter(Boolean));
}

/** Returns a duration in words: two parts at most. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "unknown";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Returns a number with four digits. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

export function percent(share) {
  return share === null || share === undefined ? "-" : `${(100 * share).toFixed(1)} %`;
}

/** Returns a list of terms and values. */
export function facts(rows, kind = "facts") {
  return el("dl", { class: kind }, ...rows.filter((row) => row[1] !== null).map(([name, value, style]) =>
    el("div", {}, el("dt", {}, name), el("dd", style ? { class: style } : {}, value))));
}

/** Listens to events of an address; the browser comes back by itself and names the last event it has got. */
export function listen(address, handlers) {
  const link = document.getElementById("link");
  const source = new EventSource(address);
  const say = (text, isLost) => {
    link.textContent = text;
    link.classList.toggle("lost", isLost);
  };
  source.onopen = () => say("live", false);
  source.onerror = () => {
    say("no connection; trying again", true);
    // After an answer that is none, such as "too many", a browser gives up.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => handlers.again?.(), 5000);
  };
  for (const [kind, handle] of Object.entries(handlers)) {
    if (kind !== "again") source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  }
  return source;
}
