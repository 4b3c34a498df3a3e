// What was made, as small pictures and the states that make them again. Kept in this browser alone.

import { fill, make, notice, open, redraw, register, save, say } from "./core.js";

const KEY = "ganvas.history";
const MOST = 150;
const SIDE = 112;
const PASSING = 3000; // milliseconds
const PICTURE = /^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+$/;

function load() {
  try {
    return (JSON.parse(localStorage.getItem(KEY)) ?? []).filter(sound);
  } catch {
    return [];
  }
}

/** An entry that can be shown and restored, whoever wrote it. */
function sound(entry) {
  return typeof entry?.tab === "string" && /^\w+$/.test(entry.tab) && typeof entry.time === "number" && !Number.isNaN(new Date(entry.time).getTime())
    && typeof entry.thumbnail === "string" && PICTURE.test(entry.thumbnail)
    && entry.state !== null && typeof entry.state === "object" && JSON.stringify(entry.state).length < 4000;
}

/** Keep the newest, and all that are starred. */
function store(entries) {
  const sorted = entries.toSorted((one, other) => other.time - one.time);
  let room = MOST;
  const kept = sorted.filter((entry) => entry.star || room-- > 0);
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    notice(say("history_full"), "problem");
  }
  document.dispatchEvent(new Event("ganvas:history"));
}

const same = (one, other) => one.tab === other.tab && JSON.stringify(one.state) === JSON.stringify(other.state);

/** Whether one state was only on the way to another: a slider between them was still being moved. */
function passing(one, other) {
  if (one.tab !== other.tab || one.star || other.time - one.time > PASSING) return false;
  const changed = Object.keys({ ...one.state, ...other.state }).filter((name) => one.state[name] !== other.state[name]);
  const isNumber = (name) => [one, other].every(({ state }) => state[name] !== undefined && Number.isFinite(Number(state[name])));
  return changed.length === 1 && !["seed", "variation"].includes(changed[0]) && isNumber(changed[0]);
}

/** Add a state of a tab with a picture of it; the same state again only becomes newer. */
export async function add(tab, state, picture, { star = false } = {}) {
  const bitmap = await createImageBitmap(picture);
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const crop = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - crop) / 2, (bitmap.height - crop) / 2];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white"; // a JPEG is black where nothing was drawn
  pen.fillRect(0, 0, SIDE, SIDE);
  pen.drawImage(bitmap, left, top, crop, crop, 0, 0, SIDE, SIDE);
  const text = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, String(value)]));
  const entry = { tab, state: text, time: Date.now(), star, thumbnail: canvas.toDataURL("image/jpeg", 0.8) };
  const others = load();
  const before = others.find((other) => same(other, entry));
  const kept = others.filter((other) => other !== before && !passing(other, entry));
  store([{ ...entry, star: star || Boolean(before?.star) }, ...kept]);
}

const MARKUP = `
<div class="sheet history">
  <p class="lead" data-say="history_lead"></p>
  <div class="bar">
    <label><span class="unseen" data-say="history_show"></span><select id="history-show"></select></label>
    <button type="button" id="history-export" data-say="history_export"></button>
    <button type="button" id="history-import" data-say="history_import"></button>
    <button type="button" id="history-clear" data-say="history_clear"></button>
    <input type="file" id="history-file" accept="application/json,.json" data-say-label="history_import" hidden>
  </div>
  <p class="empty" data-say="history_empty"></p>
  <ul class="entries" id="history-entries"></ul>
</div>`;

export function mount(element) {
  const root = element.appendChild(make(MARKUP));
  const find = (name) => root.querySelector(`#history-${name}`);

  function show() {
    const filter = find("show");
    const chosen = filter.value || "all";
    filter.replaceChildren(new Option(say("history_all"), "all"), new Option(say("history_starred"), "starred"));
    filter.value = chosen;
    const entries = load().filter((entry) => chosen === "all" || entry.star);
    root.querySelector(".empty").hidden = entries.length > 0;
    redraw(find("entries"), entries.map(card));
  }

  find("show").addEventListener("change", show);
  find("export").addEventListener("click", () => {
    const content = JSON.stringify({ ganvas: "history", entries: load() }, null, 1);
    save(new Blob([content], { type: "application/json" }), "ganvas-history.json");
  });
  find("import").addEventListener("click", () => find("file").click());
  find("file").addEventListener("change", async () => {
    const [file] = find("file").files;
    find("file").value = "";
    if (file) bring(await file.text());
  });
  find("clear").addEventListener("click", () => {
    if (confirm(say("history_clear_sure"))) store(load().filter((entry) => entry.star));
  });
  document.addEventListener("ganvas:history", show);
  window.addEventListener("storage", show); // another page of this browser
  show();
  return register("history", root, { write() {}, speak: show });
}

function bring(text) {
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    told = null;
  }
  if (told?.ganvas !== "history" || !Array.isArray(told.entries)) {
    notice(say("history_not_ours"), "problem");
    return;
  }
  const own = load();
  const fresh = told.entries.filter(sound).filter((entry) => !own.some((other) => same(other, entry)));
  store([...own, ...fresh.map(({ tab, state, time, star, thumbnail }) => ({ tab, state, time, star: star === true, thumbnail }))]);
  notice(fill("history_imported", { n: fresh.length }));
}

function card(entry) {
  const item = make(`<li><button type="button" class="restore"><img width="${SIDE}" height="${SIDE}"></button>
    <p></p><time></time><button type="button" class="star" aria-pressed="${entry.star}">★</button>
    <button type="button" class="remove">×</button></li>`);
  const model = entry.state.model ?? "";
  const what = [say(`${entry.tab}_title`), model, entry.state.seed].filter(Boolean).join(" · ");
  const when = new Date(entry.time);
  const find = (selector) => item.querySelector(selector);
  find("img").src = entry.thumbnail;
  find("img").alt = fill("history_alt", { what });
  find("p").textContent = what;
  find("time").dateTime = when.toISOString();
  find("time").textContent = when.toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
  const labels = { ".star": "history_star", ".restore": "history_restore", ".remove": "history_remove" };
  for (const [selector, key] of Object.entries(labels)) find(selector).setAttribute("aria-label", fill(key, { what }));
  find(".restore").addEventListener("click", () => open(entry.tab, entry.state));
  const others = () => load().filter((other) => other.time !== entry.time || !same(other, entry));
  find(".remove").addEventListener("click", () => {
    if (!entry.star || confirm(say("history_remove_sure"))) store(others());
  });
  find(".star").addEventListener("click", () => store([...others(), { ...entry, star: !entry.star }]));
  return item;
}
