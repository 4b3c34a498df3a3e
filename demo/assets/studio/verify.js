// A picture is dropped, its recipe followed anew, and both are compared.

import { call, fill, make, notice, open, register, say, tell, told, translate, writePins } from "./core.js";

const MARKUP = `
<div class="sheet verify">
  <p class="lead" data-say="verify_lead"></p>
  <label class="drop"><span data-say="verify_drop"></span><input type="file" id="verify-file" accept="image/png"></label>
  <section class="report" id="verify-report" aria-live="polite" hidden>
    <h2></h2><p class="why"></p><ul class="checks"></ul>
    <div class="needs"></div>
    <div class="twins">
      <figure><img id="verify-yours" alt=""><figcaption data-say="verify_yours"></figcaption></figure>
      <figure><img id="verify-anew" alt=""><figcaption data-say="verify_anew"></figcaption></figure>
    </div>
    <div class="deeds"></div>
    <details><summary data-say="verify_recipe"></summary><pre tabindex="0"></pre></details>
  </section>
</div>`;

export function mount(element) {
  const root = element.appendChild(make(MARKUP));
  const find = (selector) => root.querySelector(selector);
  const drop = find(".drop");
  let last;
  let turn = 0; // of what is dropped in quick succession, the last is told of

  function busy(working) {
    drop.classList.toggle("busy", working);
    find(".drop span").dataset.say = working ? "verify_busy" : "verify_drop";
    translate(drop);
  }

  async function check(file) {
    const own = ++turn;
    busy(true);
    find("#verify-file").value = "";
    const report = await call("verify", file).then((answer) => answer.json()).catch((error) => notice(error.message, "problem"));
    if (own !== turn) return;
    busy(false);
    last = report && { report, file, given: {} };
    find(".report").hidden = true;
    show();
  }

  /** Take what a painting was made from; when all of it is here, it is painted anew. */
  async function give(name, source) {
    last.given[name] = source;
    show();
    if (last.report.needs.some((need) => !last.given[need])) return;
    const own = ++turn;
    busy(true);
    try {
      const files = { result: last.file, ...last.given };
      const texts = await Promise.all(Object.values(files).map(base64));
      const body = Object.fromEntries(Object.keys(files).map((key, place) => [key, texts[place]]));
      const report = await (await call("repaint", body)).json();
      if (own !== turn) return;
      last.report = report;
      // What is not the right picture is asked for again.
      if (!last.report.png) last.given = {};
    } catch (error) {
      tell(error);
    }
    if (own !== turn) return;
    busy(false);
    show();
  }

  function need(name) {
    const slot = make('<label class="drop small"><span></span><input type="file" accept="image/png,image/jpeg,image/webp"></label>');
    const given = last.given[name];
    slot.querySelector("span").textContent = given ? fill("verify_needed", { name: given.name }) : say(`verify_need_${name}`);
    slot.querySelector("input").dataset.need = name;
    slot.querySelector("input").addEventListener("change", (event) => event.target.files[0] && give(name, event.target.files[0]));
    slot.addEventListener("dragover", (event) => event.preventDefault());
    slot.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) give(name, event.dataTransfer.files[0]);
    });
    return slot;
  }

  function show() {
    if (!last) return;
    const { report, file } = last;
    const verdict = report.verdict.replaceAll(" ", "_");
    const section = find(".report");
    section.hidden = false;
    section.dataset.verdict = report.verdict;
    find("h2").textContent = say(`verify_is_${verdict}`);
    find(".why").textContent = told(report.reason) || fill(`verify_why_${verdict}`, report);
    find(".needs").replaceChildren(...(report.png ? [] : report.needs.map(need)));
    const known = report.served_sha256 !== null;
    const checks = { recipe: report.recipe !== null, model: known, hash: known && report.served_sha256 === report.recipe.sha256,
      pixels: report.png ? report.differing === 0 : null };
    find(".checks").replaceChildren(...Object.entries(checks).map(([name, good]) => {
      const line = make(`<li data-good="${good}"><span aria-hidden="true">${good === null ? "–" : good ? "✓" : "✗"}</span> <span></span></li>`);
      line.lastElementChild.textContent = say(`verify_check_${name}`);
      return line;
    }));
    const [yours, anew] = [find("#verify-yours"), find("#verify-anew")];
    if (yours.src) URL.revokeObjectURL(yours.src);
    yours.src = URL.createObjectURL(file);
    yours.alt = say("verify_yours");
    anew.alt = say("verify_anew");
    anew.closest("figure").hidden = !report.png;
    if (report.png) anew.src = `data:image/png;base64,${report.png}`;
    find("details").hidden = !report.recipe;
    find("pre").textContent = JSON.stringify(report.recipe, null, 2);
    const [tab, state] = whereTo(report.recipe);
    const button = make('<button type="button"></button>');
    button.textContent = fill("verify_open", { tab: say(`${tab}_title`) });
    button.addEventListener("click", () => open(tab, state));
    find(".deeds").replaceChildren(...(tab && known ? [button] : []));
  }

  find("#verify-file").addEventListener("change", (event) => event.target.files[0] && check(event.target.files[0]));
  drop.addEventListener("dragover", (event) => event.preventDefault());
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) check(event.dataTransfer.files[0]);
  });
  return register("verify", root, { write() {}, speak: show });
}

/** The tab in which a recipe can be changed, and the state that opens it there. */
function whereTo(recipe) {
  if (!recipe) return [];
  const { model, truncation } = recipe;
  if ("styles" in recipe) {
    const { strength, colours, variation, size } = recipe;
    return ["style", { model, mixture: JSON.stringify(recipe.styles), strength, colours, variation, size }];
  }
  if ("translation" in recipe) {
    const { choice, size } = recipe;
    return ["translate", { model, choice, size, hints: JSON.stringify(recipe.hints ?? []) }];
  }
  if ("code" in recipe) return ["codes", { model }];
  if (Array.isArray(recipe.pins)) {
    const moves = (recipe.moves ?? []).join(",");
    const pins = recipe.pins.length === 2 ? [...recipe.pins, ...recipe.pins] : recipe.pins;
    return ["explore", { model, pins: writePins(pins), x: recipe.x, y: recipe.y, moves, truncation }];
  }
  if ("seed" in recipe) return ["sample", { model, class: recipe.class || "any", seed: recipe.seed, count: 1, truncation, enlarge: recipe.enlarge }];
  return [];
}

/** A file as base64. */
async function base64(file) {
  const address = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  return address.slice(address.indexOf(",") + 1);
}
