// What is served here, what it cannot do, how to call it, and whose the data are.

import { call, figures, fill, make, models, notice, offer, register, say, spoken } from "./core.js";

const LIMITS = ["size", "truth", "bits", "private"];
const LICENCES = ["procedural", "photographs", "digits", "cifar10", "contents_and_styles", "joined", "crops", "idx", "parquet", "folder", "ganvas"];
const isSampler = (model) => model.task === "sample";
/** Which models an endpoint takes; a mask is more than an example needs. */
const FITS = { picture: isSampler, sample: isSampler, compare: isSampler, verify: isSampler, reconstruct: (model) => model.encodes,
  stylize: (model) => model.task === "stylize", translate: (model) => model.task === "translate" && model.translation !== "inpaint" };
const list = (prefix, names) => names.map((name) => `<li data-say="${prefix}${name}"></li>`).join("");

const MARKUP = `
<div class="sheet about">
  <h2 data-say="about_models"></h2>
  <div class="cards" id="about-models"></div>
  <h2 data-say="about_limits"></h2><ul>${list("about_limit_", LIMITS)}</ul>
  <h2 data-say="about_api"></h2><p data-say="about_api_why"></p>
  <label class="field calls"><span data-say="about_endpoint"></span><select id="about-endpoint"></select></label>
  <p class="absent" data-say="about_call_absent" hidden></p>
  <div class="snippets"></div>
  <h2 data-say="about_licences"></h2><ul>${list("about_licence_", LICENCES)}</ul>
</div>`;

export async function mount(element) {
  const root = element.appendChild(make(MARKUP));
  const served = await models();
  const snippets = await (await call("snippets")).json();
  const origin = document.baseURI.split("?")[0].replace(/\/$/, "");
  const select = root.querySelector("#about-endpoint");

  function speak() {
    const none = make('<p class="notice"></p>');
    none.textContent = say("about_none");
    root.querySelector("#about-models").replaceChildren(...(served.length ? served.map(card) : [none]));
    offer(select, Object.keys(snippets).map((name) => [name, say(`about_call_${name}`)]), select.value);
    tell();
  }

  function tell() {
    const fitting = served.filter(FITS[select.value]);
    const [model, other] = [fitting[0], fitting[1] ?? fitting[0]];
    const words = { ORIGIN: origin, ...(model && { MODEL: model.name, OTHER: other.name, CHOICE: model.choices[0] ?? "" }) };
    const filled = (text) => text.replace(/ORIGIN|MODEL|CHOICE|OTHER/g, (word) => words[word] ?? word);
    root.querySelector(".absent").hidden = Boolean(model) || select.value === "verify";
    const programs = Object.entries(snippets[select.value]).map(([name, text]) => program(name, filled(text)));
    root.querySelector(".snippets").replaceChildren(...programs);
  }

  select.addEventListener("change", tell);
  speak();
  return register("about", root, { write() {}, speak });
}

function card(model) {
  const article = make('<article><h3></h3><p class="what"></p><dl></dl></article>');
  article.querySelector("h3").textContent = model.name;
  article.querySelector(".what").textContent = model.description || say(`about_task_${model.task}`);
  const channels = say(model.channels === 1 ? "about_grey" : "about_colour");
  const told = {
    about_version: [model.version, model.alias].filter((part) => part !== null).join(" · "),
    about_date: model.date,
    about_size: fill("about_pixels", { size: model.size, channels }),
    about_classes: model.choices.map(spoken).join(", "),
    about_quality: figures(model).join(" · ") || say("about_unmeasured"),
    about_made: facts(model.provenance),
    about_files: dataOf(model.provenance),
    about_device: model.provider,
    about_digest: model.sha256,
  };
  const list = article.querySelector("dl");
  for (const [name, text] of Object.entries(told)) {
    if (!text) continue;
    const [term, value] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = say(name);
    value.textContent = text;
    value.className = name;
    list.append(term, value);
  }
  return article;
}

/** Where a model's data come from, and on what terms, as its card tells; "" where it does not. */
function dataOf(provenance) {
  const source = String(provenance.data ?? "");
  const known = LICENCES.find((name) => name === source);
  return known ? say(`about_licence_${known}`) : "";
}

const facts = (told) => Object.entries(told).map(([name, value]) => `${spoken(name)} ${value}`).join(" · ");

function program(name, text) {
  const block = make(`<section><header><h3></h3><button type="button"></button></header><pre tabindex="0"></pre></section>`);
  block.querySelector("h3").textContent = name;
  block.querySelector("pre").textContent = text;
  const button = block.querySelector("button");
  button.textContent = fill("about_copy", { name });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      notice(say("about_copied"));
    } catch {
      prompt(say("page_copy"), text);
    }
  });
  return block;
}
