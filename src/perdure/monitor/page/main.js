// Which view is shown: the address says it, so that a page that is loaded again shows the same.
import { el } from "/page/parts.js";
import { RunsView } from "/page/runs.js";
import { WatchedView } from "/page/watched.js";

const main = document.getElementById("main");
const views = document.getElementById("views");
let shown = null;

async function start() {
  const places = await (await fetch("/places")).json();
  const known = [places.has_runs && ["runs", "Runs", RunsView], places.is_watched && ["camera", "Camera", WatchedView]]
    .filter(Boolean);
  const show = () => {
    const parameters = new URLSearchParams(location.hash.slice(1));
    const [name, , View] = known.find((view) => view[0] === parameters.get("view")) ?? known[0];
    views.replaceChildren(...(known.length > 1 ? known : []).map(([other, title]) =>
      el("a", { href: `#view=${other}`, "aria-current": other === name ? "page" : null }, title)));
    if (shown?.name !== name) {
      shown?.view.close();
      main.replaceChildren();
      shown = { name, view: new View(main) };
    }
    shown.view.show(parameters);
  };
  addEventListener("hashchange", show);
  show();
}

start().catch(() => {
  document.getElementById("link").textContent = "no connection";
  setTimeout(() => location.reload(), 5000);
});
