// A picture is dropped, its recipe followed anew, and both are compared.

import { call, fill, make, notice, open, register, say, writePins } from "./core.js";

const GOOD = ["same"];
const MARKUP = `
<div class="sheet verify">
  <p class="lead" data-say="verify_lead"></p>
  <label class="drop"><span data-say="verify_drop"></span><input type="file" id="verify-file" accept="image/png"></label>
  <section class="report" id="verify-report" aria-live="polite" hidden>
    <h2></h2><p class="why"></p><ul class="checks"></ul>
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

  async function check(file) {
    drop.classList.add("busy");
    try {
      const report = await (await call("verify", file)).json();
      last = { report, file };
      show();
    } catch (error) {
      find(".report").hidden = true;
      notice(error.message, "problem");
    } finally {
      drop.classList.remove("busy");
      find("#verify-file").value = "";
    }
  }

  function show() {
    if (!last) return;
    const { report, file } = last;
    const key = `verify_${report.verdict.replaceAll(" ", "_")}`;
    const section = find(".report");
    section.hidden = false;
    section.dataset.verdict = report.verdict;
    find("h2").textContent = say(key);
    find(".why").textContent = report.reason || fill(`${key}_why`, report);
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
  if (Array.isArray(recipe.pins)) {
    const moves = (recipe.moves ?? []).join(",");
    const pins = recipe.pins.length === 2 ? [...recipe.pins, ...recipe.pins] : recipe.pins;
    return ["explore", { model, pins: writePins(pins), x: recipe.x, y: recipe.y, moves, truncation }];
  }
  if ("seed" in recipe) return ["sample", { model, class: recipe.class || "any", seed: recipe.seed, count: 1, truncation }];
  return [];
}
