// The masthead's tools, the hotkeys with their sheet, and the tour of a first visit.

import { arrival, call, figures, fill, make, missing, mountedTab, models, notice, open, remember, say, share, shown, tell, told, translate } from "./core.js";

const FOR_TASK = { sample: ["sample", "explore", "journey", "compare", "codes"], stylize: ["style"], translate: ["translate"] };
// What must be served for a tab to be there; the rest needs no model.
const NEEDS = { sample: isSampler, explore: isSampler, journey: isSampler, compare: isSampler, style: (model) => model.task === "stylize",
  translate: (model) => model.task === "translate", codes: (model) => model.encodes };
const SEEN = "ganvas.toured";
const KEYS = "ganvas.hotkeys";
const THEME = "ganvas.theme";

// What a key presses: the first of these that is on the screen.
const PRESSED = {
  p: ["#sample-draw", "#journey-film", "#style-draw", "#translate-draw", "#compare-go"],
  n: ["#sample-surprise", "#explore-shuffle", "#compare-shuffle"],
  s: ["#sample-download", "#explore-save", '[data-format="mp4"]', "#style-download", "#translate-download", "#codes-save"],
};
const SHEET = { "?": "page_key_help", "1 … 9, 0": "page_key_tabs", P: "page_key_paint", N: "page_key_new", S: "page_key_save",
  C: "page_key_copy", T: "page_key_theme", L: "page_key_language", "← ↑ → ↓": "page_key_arrows" };

export async function mount(element) {
  translate(element);
  wearTheme(localStorage.getItem(THEME));
  document.querySelector("#ganvas-theme").addEventListener("click", turnTheme);
  document.querySelector("#ganvas-help").addEventListener("click", help);
  document.addEventListener("keydown", press);
  // Why a file is no picture is said in a sentence; the browser's mark of a broken one beside it would say nothing.
  for (const kind of ["load", "error"]) document.addEventListener(kind, ({ target }) => {
    if (target.matches?.(".image-container img")) target.style.visibility = kind === "error" ? "hidden" : "";
  }, true);
  document.addEventListener("ganvas:language", () => {
    translate(document.body);
    nameExamples();
    sayBorrowed();
    tellRefusals();
    listModels();
    if (document.querySelector(".tour")) tour(Number(document.querySelector(".tour").dataset.step));
  });
  // What Gradio's events bring may say things as well.
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) if (node.parentElement) translate(node.parentElement);
    nameExamples();
    sayBorrowed();
    tellRefusals();
  }).observe(document.body, { childList: true, subtree: true });
  ganvas.share = share;
  await listModels().catch(tell);
  watch();
  arrive(arrival.tab).catch(tell).finally(followTabs);
  if (!localStorage.getItem(SEEN) && !arrival.tab) tour(0);
}

/** Gradio's examples are buttons with a picture and no name, and its places to drop a picture have a name and no role. */
function nameExamples() {
  for (const place of document.querySelectorAll(".image-container[aria-label]:not([role])")) place.setAttribute("role", "group");
  document.querySelectorAll(".gallery-item").forEach((button, index) => {
    button.setAttribute("aria-label", fill("page_example", { n: index + 1 }));
  });
}

// What Gradio's components say, in every language -> its key, which has a dot where ours have none.
const BORROWED = new Map(Object.values(ganvas.texts).flatMap((texts) => Object.entries(texts).filter(([key]) => key.includes("."))
  .map(([key, text]) => [text, key])));

/** Gradio writes the words of its places for pictures once, and some in English alone. */
function sayBorrowed() {
  const put = (text, write) => {
    const [, before, words, after] = /^([\s-]*)(.*?)([\s-]*)$/s.exec(text);
    const key = BORROWED.get(words);
    if (key && say(key) !== words) write(before + say(key) + after);
  };
  for (const place of document.querySelectorAll(".image-container")) {
    const words = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) put(words.currentNode.data, (text) => (words.currentNode.data = text));
    for (const node of [place, ...place.querySelectorAll("[aria-label]")]) {
      for (const name of ["aria-label", "title"]) put(node.getAttribute(name) ?? "", (text) => node.setAttribute(name, text));
    }
  }
}

/** Gradio shows what the server refused as it came, under a title of its own. */
function tellRefusals() {
  const put = (node, text) => node.textContent !== text && (node.textContent = text);
  for (const line of document.querySelectorAll('#ganvas-problems li, [data-testid="toast-text"]')) {
    line.dataset.sentence ??= line.textContent;
    put(line, told(line.dataset.sentence));
  }
  const titles = Object.values(ganvas.texts).map((texts) => texts.page_error);
  for (const { firstChild: title } of document.querySelectorAll(".toast-title.error")) {
    if (titles.includes(title.data?.trim())) title.data = `${say("page_error")} `;
  }
}

// Models

function isSampler(model) {
  return model.task === "sample";
}

/** Why a tab is not there, "" where it is. */
async function whyAbsent(key) {
  const served = await models();
  return NEEDS[key] && !served.some(NEEDS[key]) ? missing(key) : "";
}

/** Open the tab of the address; one whose model came after the server's start is drawn a moment later than the others. */
async function arrive(key) {
  if (!key) return;
  const why = await whyAbsent(key);
  if (why) {
    notice(why, "problem");
    return;
  }
  const there = () => document.querySelector(`[role="tab"][data-tab-id="${CSS.escape(key)}"]`);
  if (!there()) {
    await new Promise((resolve) => {
      const watch = new MutationObserver(() => {
        if (!there()) return;
        watch.disconnect();
        resolve();
      });
      watch.observe(document.querySelector("main"), { childList: true, subtree: true });
      setTimeout(resolve, 10_000);
    });
  }
  open(key);
}

/** Keep in the address the tab that is shown, so that a reload comes back to it, and Back to the one before. */
function followTabs() {
  new MutationObserver(() => {
    const named = new URLSearchParams(location.search).get("tab") ?? visibleTabs()[0]?.dataset.tabId;
    if (!shown()) return;
    if (shown() !== named) remember(shown(), mountedTab(shown())?.read?.() ?? {}, { step: true });
    const stop = tourStops().findIndex((tab) => tab.dataset.tabId === shown());
    const card = document.querySelector(".tour");
    if (card && stop >= 0 && stop !== Number(card.dataset.step)) tour(stop);
  }).observe(document.querySelector("main"), { subtree: true, attributeFilter: ["aria-selected"] });
  window.addEventListener("popstate", () => {
    const { tab, ...state } = Object.fromEntries(new URLSearchParams(location.search));
    const [then, now] = [state, mountedTab(tab)?.read?.() ?? {}].map((values) => new URLSearchParams(values).toString());
    open(tab ?? visibleTabs()[0]?.dataset.tabId, then && then !== now ? state : undefined, { step: false });
  });
}

async function listAbsent() {
  const lines = [];
  for (const key of Object.keys(NEEDS)) {
    const why = await whyAbsent(key);
    if (!why) continue;
    const line = make("<li><strong></strong> <span></span></li>");
    line.querySelector("strong").textContent = say(`${key}_title`);
    line.querySelector("span").textContent = why;
    lines.push(line);
  }
  const block = make('<section class="absent"><h2 data-say="page_absent"></h2><ul></ul></section>');
  block.querySelector("ul").append(...lines);
  translate(block);
  return lines.length ? [block] : [];
}

async function listModels() {
  const list = document.querySelector("#ganvas-models");
  const served = await models();
  list.replaceChildren(...served.map((model) => {
    const item = make('<button type="button" class="model"><strong></strong><span class="facts"></span><span class="facts"></span></button>');
    const [version, quality] = item.querySelectorAll(".facts");
    item.querySelector("strong").textContent = model.name;
    const marks = [model.version === null ? "" : `v${model.version}`, model.alias ?? "", model.sha256.slice(0, 8)];
    const date = model.date ? fill("page_model_file", { date: model.date }) : "";
    version.textContent = [...marks, date].filter(Boolean).join(" · ");
    quality.textContent = figures(model).join(" · ") || say("page_model_unmeasured");
    item.setAttribute("aria-label", `${fill("page_model_use", model)}, ${version.textContent}, ${quality.textContent}`);
    item.addEventListener("click", () => use(model));
    return item;
  }), ...(await listAbsent()));
}

function use(model) {
  document.querySelector("#ganvas-models").hidePopover();
  const [first, ...others] = FOR_TASK[model.task] ?? [];
  const tab = others.includes(shown()) ? shown() : first;
  if (tab) open(tab, { ...mountedTab(tab)?.read?.(), model: model.name, class: "any", moves: "" });
}

// Device and queue, asked for only while someone looks

function watch() {
  const look = async () => {
    if (document.hidden) return;
    // The scripts' requests wait in one line, Gradio's events in another.
    const answers = await Promise.all([call("state"), call("../gradio_api/queue/status")]).catch(() => []);
    const [state, events] = await Promise.all(answers.map((answer) => answer.json()));
    const waiting = (state?.waiting ?? 0) + (events?.queue_size ?? 0);
    const device = document.querySelector("#ganvas-device");
    device.dataset.provider = state?.provider ?? "none";
    device.textContent = state?.provider ?? "-";
    document.querySelector("#ganvas-queue").textContent = waiting ? fill("page_queue", { n: waiting }) : "";
  };
  look();
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", look);
}

// Light and dark

function wearTheme(theme) {
  if (theme) document.body.classList.toggle("dark", theme === "dark");
}

function turnTheme() {
  const theme = document.body.classList.contains("dark") ? "light" : "dark";
  localStorage.setItem(THEME, theme);
  wearTheme(theme);
}

// Hotkeys

const typing = (node) => node.isContentEditable || node.matches("textarea, select, input:not([type=range], [type=checkbox], [type=radio], [type=button])");

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
  if (document.querySelector("dialog[open]") || localStorage.getItem(KEYS) === "off") return;
  const key = event.key.toLowerCase();
  const deeds = { "?": help, c: share, t: turnTheme, l: () => ganvas.choose(ganvas.language() === "en" ? "zh-CN" : "en") };
  if (/^\d$/.test(key)) visibleTabs()[(Number(key) + 9) % 10]?.click();
  else if (deeds[key]) deeds[key]();
  else if (PRESSED[key]) PRESSED[key].map((selector) => document.querySelector(selector)).find((node) => node?.offsetParent)?.click();
  else return;
  event.preventDefault();
}

function help() {
  const dialog = make(`<dialog class="ganvas" aria-labelledby="ganvas-help-title"><h2 id="ganvas-help-title" data-say="page_help_title"></h2>
    <dl></dl><label class="field check"><input type="checkbox"><span data-say="page_help_on"></span></label>
    <form method="dialog"><button type="button" class="again" data-say="page_tour_again"></button>
    <button class="main" data-say="page_close"></button></form></dialog>`);
  for (const [key, text] of Object.entries(SHEET)) {
    const line = make("<div><dt><kbd></kbd></dt><dd></dd></div>");
    line.querySelector("kbd").textContent = key;
    line.querySelector("dd").textContent = say(text);
    dialog.querySelector("dl").append(line);
  }
  const box = dialog.querySelector("input");
  box.checked = localStorage.getItem(KEYS) !== "off";
  box.addEventListener("change", () => localStorage.setItem(KEYS, box.checked ? "on" : "off"));
  dialog.querySelector(".again").addEventListener("click", () => {
    dialog.close();
    tour(0);
  });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  translate(dialog);
  document.body.append(dialog);
  dialog.showModal();
}

// The tour

const visibleTabs = () => [...new Map([...document.querySelectorAll('[role="tab"][data-tab-id]')]
  .filter((tab) => tab.offsetParent).map((tab) => [tab.dataset.tabId, tab])).values()];

const tourStops = () => visibleTabs().filter((tab) => ganvas.texts.en[`${tab.dataset.tabId}_tour`]);

function tour(step) {
  document.querySelector(".tour")?.remove();
  const stops = tourStops();
  if (step >= stops.length) {
    localStorage.setItem(SEEN, "yes");
    stops[0]?.click();
    return;
  }
  const key = stops[step].dataset.tabId;
  const last = step === stops.length - 1;
  const card = make(`<section class="tour" role="status" data-step="${step}"><h2></h2><p></p><div>
    <span class="place">${step + 1} / ${stops.length}</span><button type="button" class="skip" data-say="page_tour_skip"></button>
    <button type="button" class="main" data-say="${last ? "page_tour_done" : "page_tour_next"}"></button></div></section>`);
  card.querySelector("h2").textContent = say(`${key}_title`);
  card.querySelector("p").textContent = say(`${key}_tour`);
  card.setAttribute("aria-label", say("page_tour_again"));
  card.querySelector(".skip").addEventListener("click", () => {
    localStorage.setItem(SEEN, "yes");
    card.remove();
  });
  card.querySelector(".main").addEventListener("click", () => {
    tour(step + 1);
    if (!last) stops[step + 1].click();
  });
  translate(card);
  document.body.append(card);
  if (step) card.querySelector(".main").focus();
}
