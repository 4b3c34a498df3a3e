// What can be done with each sampled picture. Python draws the contact sheet; this adds the deeds to it.

import { add } from "./history.js";
import { Player } from "./player.js";
import { arrival, call, fill, make, mountedTab, notice, open, redraw, register, remember, say, spoken, surprise, tell, translate, turnPage, writePins } from "./core.js";

const ICONS = {
  recall: "M4 12a8 8 0 1 0 3-6.2M4 4v5h5",
  remix: "M4 7h3l9 10h4M4 17h3l3-3.4M13 8.6 16 7h4M17 4l3 3-3 3M17 14l3 3-3 3",
  star: "M12 4l2.5 5 5.5.8-4 3.9.9 5.5-4.9-2.6-4.9 2.6.9-5.5-4-3.9 5.500-.8z",
  explore: "M4 4h16v16H4zM4 12h16M12 4v16",
  journey: "M5 18a2 2 0 1 0 .1 0M19 6a2 2 0 1 0 .1 0M7 18h6a4 4 0 0 0 0-8h-2a3 3 0 0 1 0-6h6",
  steps: "M5 5h4v4H5zM10 10h4v4h-4zM15 15h4v4h-4zM9 7h3v3M14 12h3v3",
  save: "M12 4v11M7.500 11l4.500 4.500L16.500 11M5 20h14",
};
const LABELS = { recall: "sample_recall", remix: "sample_remix", star: "sample_star", explore: "sample_explore",
  journey: "sample_journey", steps: "sample_steps", save: "sample_save" };
const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

export function mount(element, restore) {
  let first;

  function dress() {
    const sheet = element.querySelector(".contact");
    if (!sheet || sheet.dataset.dressed) return;
    sheet.dataset.dressed = "yes";
    for (const figure of sheet.children) figure.append(deeds(figure, sheet.dataset.steps === "yes"));
    speak();
    const text = sheet.dataset.state;
    // What the page shows by itself is no work of the visitor's: the address may name another tab, which is still to open.
    if (first) remember("sample", JSON.parse(text));
    first ??= text;
    if (text !== first) keep(sheet.querySelector("img"), JSON.parse(text), false).catch(tell);
  }

  function speak() {
    for (const figure of element.querySelectorAll("figure")) {
      const recipe = JSON.parse(figure.dataset.recipe);
      const values = { ...recipe, class: recipe.class ? `, ${spoken(recipe.class)}` : "" };
      const image = figure.querySelector("img");
      image.alt = fill("sample_alt", values);
      const caption = [`${recipe.seed}`, recipe.class && spoken(recipe.class)].filter(Boolean).join(" · ");
      figure.querySelector("figcaption").textContent = caption;
      for (const deed of figure.querySelectorAll("[data-deed]")) {
        deed.dataset.seed = recipe.seed;
        deed.title = fill(LABELS[deed.dataset.deed], values);
        deed.setAttribute("aria-label", deed.title);
      }
      figure.querySelector(".zoom")?.setAttribute("aria-label", fill("sample_zoom", values));
    }
  }

  element.addEventListener("click", (event) => {
    const figure = event.target.closest("figure");
    if (!figure) return;
    const deed = event.target.closest("[data-deed]")?.dataset.deed;
    if (deed) act(deed, figure, restore);
    else if (event.target.closest(".zoom")) zoom(figure, restore);
  });
  new MutationObserver(dress).observe(element, { childList: true, subtree: true });
  const read = () => JSON.parse(element.querySelector(".contact")?.dataset.state ?? "{}");
  // The state of the address was painted by the server with the page.
  let greeted = arrival.tab !== "sample";
  const write = (state) => {
    if (greeted && Object.keys(state).length) restore(state);
    greeted = true;
  };
  register("sample", element, { read, write, speak }); // before a sheet that is there already writes its state into the address
  dress();
}

function deeds(figure, steps) {
  const image = figure.querySelector("img");
  const zoomer = make('<button type="button" class="zoom"></button>');
  image.replaceWith(zoomer);
  zoomer.append(image);
  const name = decodeURIComponent(image.src.split("/").at(-1));
  const buttons = ["recall", "remix", "star", "explore", "journey", ...(steps ? ["steps"] : [])]
    .map((deed) => `<button type="button" data-deed="${deed}">${icon(deed)}</button>`);
  const bar = make(`<div class="sheet-actions">${buttons.join("")}<a data-deed="save">${icon("save")}</a></div>`);
  Object.assign(bar.querySelector("a"), { href: image.src, download: name });
  for (const deed of bar.children) deed.tabIndex = -1; // by keyboard they are in the large view: else a sheet has a hundred stops
  return bar;
}

async function keep(image, state, star) {
  await add("sample", state, await (await fetch(image.src)).blob(), { star });
}

function act(deed, figure, restore) {
  const recipe = JSON.parse(figure.dataset.recipe);
  const sheet = JSON.parse(figure.closest(".contact").dataset.state);
  const alone = { ...sheet, class: recipe.class || "any", seed: recipe.seed, count: 1 };
  const pins = [0, 1, 2, 3].map((step) => ({ seed: recipe.seed + step, class: recipe.class || "any" }));
  const replace = (state) => {
    turnPage();
    restore(state);
  };
  const elsewhere = { model: recipe.model, pins: writePins(pins), truncation: recipe.truncation };
  const ways = {
    recall: () => replace(alone),
    remix: () => replace({ ...alone, seed: surprise(), count: sheet.count }),
    star: () => keep(figure.querySelector("img"), alone, true).then(() => {
      for (const star of document.querySelectorAll(`[data-deed="star"][data-seed="${recipe.seed}"]`)) star.setAttribute("aria-pressed", "true");
      notice(say("sample_starred"));
    }).catch(tell),
    explore: () => open("explore", { ...elsewhere, x: 0, y: 0 }),
    journey: () => open("journey", elsewhere),
    steps: () => unfold(recipe).catch(tell),
    save: () => {},
  };
  ways[deed]();
}

/** Show a picture large; from there to its neighbours, and as a photograph or a style to the tab that repaints. */
function zoom(figure, restore) {
  const dialog = document.body.appendChild(make(`<dialog class="ganvas zoomed">
    <div class="stage"><button type="button" class="turn earlier" data-say-label="sample_earlier">‹</button><img>
    <button type="button" class="turn later" data-say-label="sample_later">›</button></div><p aria-live="polite"></p>
    <div class="deeds"><button type="button" data-as="photograph" data-say="sample_paint_over"></button>
    <button type="button" data-as="style" data-say="sample_as_style"></button></div>
    <div class="sheet-actions"></div><form method="dialog"><button class="main" data-say="sample_close"></button></form></dialog>`));
  const find = (selector) => dialog.querySelector(selector);
  let shown = figure;

  function turn(next) {
    if (!next) return;
    shown = next;
    const image = shown.querySelector("img");
    Object.assign(find("img"), { src: image.src, alt: image.alt });
    find("p").textContent = shown.querySelector("figcaption").textContent;
    find(".earlier").disabled = !shown.previousElementSibling;
    find(".later").disabled = !shown.nextElementSibling;
    const deeds = [...shown.querySelector(".sheet-actions").cloneNode(true).children];
    for (const deed of deeds) deed.removeAttribute("tabindex");
    redraw(find(".sheet-actions"), deeds);
  }

  const ways = { ArrowLeft: () => turn(shown.previousElementSibling), ArrowRight: () => turn(shown.nextElementSibling) };
  dialog.addEventListener("keydown", (event) => ways[event.key]?.());
  find(".earlier").addEventListener("click", ways.ArrowLeft);
  find(".later").addEventListener("click", ways.ArrowRight);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    const deed = event.target.closest("[data-deed]")?.dataset.deed;
    const as = event.target.closest("[data-as]")?.dataset.as;
    if (deed) act(deed, shown, restore);
    if (as) open("style", { ...mountedTab("style")?.read?.(), sampled: JSON.parse(shown.dataset.recipe), as });
    if (event.target === dialog || as || (deed && !["star", "save"].includes(deed))) dialog.close();
  });
  translate(dialog);
  find(".deeds").hidden = !document.querySelector('[role="tab"][data-tab-id="style"]');
  turn(figure);
  dialog.showModal();
}

/** Show how a recurrent model paints a picture: its canvas after every step. */
async function unfold({ model, seed, class: name, truncation }) {
  const told = await (await call("steps", { model, seed, class: name || "any", truncation })).json();
  const dialog = document.body.appendChild(make(`<dialog class="ganvas zoomed steps"><canvas role="img"></canvas>
    <div class="transport"><button type="button" class="play" data-say-label="sample_play">▶</button>
    <input type="range" class="frame" min="0" max="0" value="0" data-say-label="sample_which" disabled></div>
    <p></p><form method="dialog"><button class="main" data-say="sample_close"></button></form></dialog>`));
  const words = (step, steps) => {
    const text = fill("sample_step", { step, steps, seed });
    dialog.querySelector("p").textContent = text;
    return text;
  };
  const [canvas, button, bar] = ["canvas", ".play", ".frame"].map((selector) => dialog.querySelector(selector));
  const player = new Player({ canvas, button, bar }, words);
  dialog.addEventListener("close", () => {
    player.pause();
    dialog.remove();
  });
  translate(dialog);
  dialog.showModal();
  for (const png of told.steps) await player.add(png);
  player.begin(Math.max(2, told.steps.length / 3), { keep: true });
}
