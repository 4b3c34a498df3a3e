// What the studio's tabs share: texts in the visitor's language, calls to the server, state in the address, notices.

const base = new URL("studio/", document.baseURI.split("?")[0]);
const SAMPLERS = ["sample", "explore", "journey"];
const mounted = {};
const wanted = {};

/** What the address asked for when the page was opened. Tabs write their own states into it from then on. */
export const arrival = Object.freeze(Object.fromEntries(new URLSearchParams(location.search)));

export const say = (key) => ganvas.texts[ganvas.language()][key] ?? key;

/** Fill every `data-say`, `data-say-label` and the like in `root`; called again when the language changes. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of root.querySelectorAll("[data-say-label]")) node.setAttribute("aria-label", say(node.dataset.sayLabel));
  for (const node of root.querySelectorAll("[data-say-alt]")) node.alt = say(node.dataset.sayAlt);
  for (const node of root.querySelectorAll("[data-say-title]")) node.title = say(node.dataset.sayTitle);
}

/** Replace `{name}` in a text by values. */
export const fill = (key, values) => say(key).replace(/\{(\w+)\}/g, (_, name) => values[name]);

const sentences = Object.entries(ganvas.sentences).map(([english, chinese]) => {
  // Literal text and the names of values take turns; Markdown takes backticks away.
  const parts = english.split(/\{(\w+)\}/);
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("`", "`?");
  return [new RegExp(`^${parts.map((part, place) => (place % 2 ? `(?<${part}>.+?)` : literal(part))).join("")}$`, "s"), chinese];
});

/** What the server refused, in the visitor's language; a sentence that is not in the catalogue as it is. */
export function told(sentence) {
  if (ganvas.language() === "en") return sentence;
  for (const [pattern, chinese] of sentences) {
    const found = pattern.exec(sentence);
    if (found) return chinese.replace(/\{(\w+)\}/g, (_, name) => told(found.groups[name]));
  }
  return sentence;
}

export function make(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup.trim();
  return template.content.firstElementChild;
}

/** The name of a class or style as people write it, in the visitor's language where it is known. */
export function spoken(name) {
  const key = `name_${name}`;
  const text = say(key);
  return text === key ? name.replaceAll("_", " ") : text;
}

export const surprise = () => Math.floor(Math.random() * 1e6);

// The engine serves sessions by turns; this names ours, and goes nowhere else.
const session = Math.random().toString(36).slice(2);

export async function call(path, body, { signal } = {}) {
  const json = !(body instanceof Blob);
  const answer = await fetch(new URL(path, base), {
    method: body ? "POST" : "GET",
    headers: { "x-ganvas-session": session, ...(body && json && { "content-type": "application/json" }) },
    body: body && json ? JSON.stringify(body) : body,
    signal,
  }).catch((error) => {
    throw error.name === "AbortError" ? error : new Error(say("page_unreachable"));
  });
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({})); // what stands in between may answer in pages
    throw new Error(error ? told(error) : fill("page_failed", answer));
  }
  return answer;
}

let known;
/** The models that serve, from the server once per page; `task` leaves the others out. */
export async function models(task) {
  known ??= call("models").then((answer) => answer.json()).catch((error) => {
    known = undefined;
    throw error;
  });
  return (await known).filter((model) => !task || model.task === task);
}

/** A model's headline figures as people read them; none where nobody measured it. */
export const figures = (model) => Object.entries(model.metrics).map(([name, value]) => {
  const key = `page_metric_${name.replaceAll(".", "_")}`;
  return `${say(key) === key ? name : say(key)} ${Number(Number(value).toPrecision(3))}`;
});

/** Say something briefly, to eyes and to screen readers. */
export function notice(text, kind = "note") {
  const shelf = document.querySelector("#ganvas-notices")
    ?? document.body.appendChild(make('<div id="ganvas-notices" role="status" aria-live="polite"></div>'));
  for (const older of shelf.children) if (older.textContent === text) older.remove();
  const slip = shelf.appendChild(make(`<p class="slip ${kind}"></p>`));
  slip.textContent = text;
  setTimeout(() => slip.remove(), 6000);
}

/** Tell of a failure, but not of what the visitor ended. */
export function tell(error) {
  if (error.name !== "AbortError") notice(error.message, "problem");
}

/** Draw a tab into `element` once, and again in another language; `tab` has `read()` and `write(state)`. */
export function register(key, element, tab) {
  mounted[key] = tab;
  translate(element);
  document.addEventListener("ganvas:language", () => {
    translate(element);
    tab.speak?.();
  });
  const state = wanted[key] ?? (arrival.tab === key ? arrival : null);
  delete wanted[key];
  return tab.write(state ?? {});
}

/** Show a tab, and with `state` in it; `step` as another page of the browser's history. */
export function open(key, state, { step = true } = {}) {
  if (step && state && shown() === key) turnPage();
  if (state && mounted[key]) mounted[key].write(state);
  else if (state) wanted[key] = state;
  const tab = document.querySelector(`[role="tab"][data-tab-id="${key}"]`);
  if (!tab) notice(missing(key), "problem");
  tab?.click();
  tab?.scrollIntoView({ block: "nearest", inline: "center" });
}

/** Why a tab is not there, without the marks of code that Markdown takes. */
export const missing = (key) => say(`${key}_missing`).replaceAll("`", "");

export const mountedTab = (key) => mounted[key];

let sampler = SAMPLERS.includes(arrival.tab) ? arrival.model : undefined;
/** Of these models that of the name, else the one that was chosen last on whatever tab, else the first. */
export function pickSampler(samplers, name) {
  const named = (wanted) => samplers.find((model) => model.name === wanted);
  return named(name) ?? named(sampler) ?? samplers[0];
}

export const shown = () => document.querySelector('[role="tab"][aria-selected="true"]')?.dataset.tabId;

/** Write a tab's state into the address, so that it can be sent, kept as a bookmark, or reloaded; `step` as a new page. */
export function remember(key, state, { step = false } = {}) {
  if (shown() !== key) return;
  if (SAMPLERS.includes(key)) sampler = state.model ?? sampler; // a tab that is not drawn yet has none
  const query = new URLSearchParams({ tab: key, ...state });
  history[step ? "pushState" : "replaceState"](history.state, "", `?${query}`);
}

/** Let the browser's Back return to what is shown now: the next state is another page of its history. */
export function turnPage() {
  remember(shown(), mounted[shown()]?.read?.() ?? {});
  history.pushState(history.state, "", location.href);
}

export async function share() {
  const key = shown(); // whose address is not written before the visitor did something
  remember(key, mounted[key]?.read?.() ?? {});
  try {
    await navigator.clipboard.writeText(location.href);
    notice(say("page_copied"));
  } catch {
    prompt(say("page_copy"), location.href);
  }
}

/** A few letters that tell the files of different states apart (FNV-1a). */
export function markOf(state) {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  const hash = bytes.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
  return hash.toString(16).padStart(8, "0").slice(0, 6);
}

/** Offer bytes as a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Put other parts into `list`, and the focus where it was: parts are drawn anew with what changes in them. */
export function redraw(list, parts) {
  const usable = () => [...list.querySelectorAll("input, select, button, a")];
  const place = usable().indexOf(document.activeElement);
  list.replaceChildren(...parts);
  if (place >= 0) usable()[Math.min(place, usable().length - 1)]?.focus();
}

/** Fill a `<select>` with `[value, text]` pairs and choose one of them, the first where there is no such. */
export function offer(select, pairs, value) {
  select.replaceChildren(...pairs.map(([key, text]) => new Option(text, key)));
  select.value = pairs.some(([key]) => key === value) ? value : (pairs[0]?.[0] ?? "");
}

/** Number from a text of the address, or `otherwise` where it is none or out of range. */
export function number(text, { low, high, otherwise }) {
  const value = Number(text);
  return text !== undefined && text !== "" && value >= low && value <= high ? value : otherwise;
}

/** `12:waves,7:any` <-> pins. */
export const writePins = (pins) => pins.map((pin) => `${pin.seed}:${pin.class}`).join(",");
export function readPins(text) {
  const pins = (text ?? "").split(",").filter(Boolean).map((part) => {
    const [seed, name = "any"] = part.split(":");
    return { seed: Number(seed), class: name };
  });
  return pins.filter((pin) => Number.isInteger(pin.seed) && pin.seed >= 0 && pin.seed < 2 ** 32);
}
