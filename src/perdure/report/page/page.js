// Starts what a page holds; everything that it shows lies in the page as data.
"use strict";

function dataOf(name) {
  const place = document.getElementById(`data-${name}`);
  return place ? JSON.parse(place.textContent) : null;
}

// Numbers say where they come from: by hovering, by a click, and by Tab once sources are switched on.
function startSources() {
  const bar = document.getElementById("source-bar"), toggle = document.getElementById("sources-toggle");
  const say = (event) => {
    const number = event.target.closest?.("data");
    if (number) bar.textContent = `${number.textContent} is ${number.title}`;
    bar.hidden = !number;
  };
  document.addEventListener("click", say);
  document.addEventListener("focusin", say);
  toggle?.addEventListener("click", () => {
    const isOn = document.body.classList.toggle("sources");
    toggle.setAttribute("aria-pressed", String(isOn));
    for (const number of document.querySelectorAll("data")) {
      isOn ? number.setAttribute("tabindex", "0") : number.removeAttribute("tabindex");
    }
  });
}

startSources();
startCharts(dataOf("charts") ?? {});
startBounds(dataOf("scores"));
startGallery(dataOf("gallery"));
addEventListener("beforeprint", () => document.querySelectorAll("details:not(.points)").forEach((one) => (one.open = true)));
document.documentElement.classList.add("is-live");
