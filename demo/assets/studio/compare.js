// Models side by side: a row of pictures each, a column for every seed; and the ranking of all that were registered.

import { call, fill, figures, make, models, number, open, register, remember, say, share, spoken, surprise, tell } from "./core.js";

const MOST = 8;
const FAILED = { pictures: [] };
const COUNTS = [1, 2, 3, 4, 6, 8];
const COLUMNS = ["recipe", "quality", "diversity", "bound", "error", "kilobytes", "minutes", "milliseconds", "description"];

const MARKUP = `
<div class="desk rivals">
  <p class="empty notice" data-say="compare_missing" hidden></p>
  <div class="stage">
    <div class="race" id="compare-rows" role="list"></div>
    <p class="hint" data-say="compare_hint"></p>
  </div>
  <form class="panel" onsubmit="return false">
    <fieldset class="entrants"><legend><span data-say="compare_models"></span> <output id="compare-most"></output></legend>
      <div class="boxes" id="compare-models"></div></fieldset>
    <div class="pair">
      <label class="field"><span data-say="compare_seed"></span>
        <input type="number" id="compare-seed" min="0" max="4294967279" step="1" required></label>
      <label class="field"><span data-say="compare_count"></span><select id="compare-count"></select></label>
    </div>
    <div class="deeds">
      <button type="button" class="main" id="compare-go" data-say="compare_go"></button>
      <button type="button" id="compare-shuffle" data-say="compare_shuffle"></button>
      <button type="button" id="compare-share" data-say="compare_share"></button>
    </div>
  </form>
  <section class="ranking">
    <h2 data-say="compare_table"></h2>
    <p id="compare-why"></p>
    <div id="compare-tables"></div>
  </section>
</div>`;

export async function mount(element) {
  const samplers = await models("sample");
  const { rows } = await call("zoo").then((answer) => answer.json()).catch((error) => {
    tell(error);
    return { rows: [] };
  });
  const root = element.appendChild(make(MARKUP));
  root.querySelector(".empty").hidden = samplers.length > 0;
  for (const part of root.querySelectorAll(".stage, .panel")) part.hidden = samplers.length === 0;
  return new Comparer(root, { samplers, served: await models(), rows }).start();
}

class Comparer {
  constructor(root, told) {
    this.root = root;
    Object.assign(this, told);
    this.sides = new Map();
  }

  find(name) {
    return this.root.querySelector(`#compare-${name}`);
  }

  async start() {
    const on = (name, deed) => this.find(name).addEventListener("click", deed);
    on("go", () => this.compare());
    on("share", () => share());
    on("shuffle", () => this.write({ ...this.read(), seed: surprise() }));
    this.find("seed").addEventListener("change", () => {
      if (this.find("seed").reportValidity()) this.write({ ...this.read(), seed: this.find("seed").value });
    });
    this.find("count").addEventListener("change", () => this.write({ ...this.read(), count: this.find("count").value }));
    await register("compare", this.root, this);
    return this;
  }

  // State <-> controls

  read() {
    const { names, seed, count } = this.state;
    return { models: names.join(","), seed, count };
  }

  write(said) {
    // The picker of the masthead sends one `model`, which joins the others.
    const asked = [said.model, ...(said.models ?? "").split(",")].filter(Boolean);
    const known = this.samplers.map(({ name }) => name);
    const names = [...new Set(asked)].filter((name) => known.includes(name)).slice(0, MOST);
    this.state = {
      names: names.length ? known.filter((name) => names.includes(name)) : known.slice(0, 4),
      seed: number(said.seed, { low: 0, high: 2 ** 32 - 17, otherwise: 1 }),
      count: COUNTS.includes(Number(said.count)) ? Number(said.count) : 6,
    };
    this.show();
    this.rank();
    return this.samplers.length ? this.compare() : undefined;
  }

  speak() {
    this.show();
    this.rank();
    this.draw();
  }

  show() {
    const { names, seed, count } = this.state;
    this.find("seed").value = seed;
    this.find("count").replaceChildren(...COUNTS.map((known) => new Option(known, known)));
    this.find("count").value = count;
    this.find("most").value = fill("compare_most", { chosen: names.length, most: Math.min(MOST, this.samplers.length) });
    this.find("models").replaceChildren(...this.samplers.map((model) => {
      const line = make('<label class="field check"><input type="checkbox"><span></span></label>');
      const box = line.querySelector("input");
      box.value = model.name;
      box.checked = names.includes(model.name);
      box.disabled = box.checked ? names.length === 1 : names.length === MOST;
      line.querySelector("span").textContent = model.name;
      box.addEventListener("change", () => this.choose(model.name, box.checked));
      return line;
    }));
  }

  choose(name, taken) {
    const chosen = taken ? [...this.state.names, name] : this.state.names.filter((other) => other !== name);
    this.write({ ...this.read(), models: chosen.join(",") });
    this.root.querySelector(`input[value="${CSS.escape(name)}"]`)?.focus();
  }

  // Pictures: model by model, so that the first are seen while the others paint

  async compare() {
    remember("compare", this.read());
    this.work?.abort();
    const work = (this.work = new AbortController());
    const { names, seed, count } = this.state;
    this.sides.clear();
    this.draw();
    for (const name of names) {
      try {
        const answer = await call("compare", { models: [name], seed, count }, { signal: work.signal });
        this.sides.set(name, (await answer.json()).sides[0]);
      } catch (error) {
        tell(error);
        if (!work.signal.aborted) this.sides.set(name, FAILED);
      }
      if (work.signal.aborted) return;
      this.draw();
    }
    this.root.dataset.compared = names.length;
  }

  draw() {
    this.find("rows").replaceChildren(...this.state.names.map((name) => this.row(name)));
  }

  row(name) {
    const model = this.samplers.find((known) => known.name === name);
    const side = this.sides.get(name);
    const row = make('<article role="listitem"><header><h3></h3><ul></ul></header><div class="strip"></div></article>');
    row.querySelector("h3").textContent = name;
    const facts = [
      ...figures(model).map((text, index) => [text, index === 0 ? "quality" : ""]),
      [fill("compare_pixels", { size: `${model.size} × ${model.size}` }), ""],
      ...(side?.pictures.length ? [[fill("compare_size", { size: side.kilobytes.toLocaleString() }), ""], [fill("compare_time", { time: side.milliseconds }), ""]] : []),
    ];
    if (!figures(model).length) facts.unshift([say("compare_unmeasured"), ""]);
    row.querySelector("ul").replaceChildren(...facts.map(([text, kind]) => {
      const item = document.createElement("li");
      item.textContent = text;
      item.className = kind;
      return item;
    }));
    const strip = row.querySelector(".strip");
    strip.style.setProperty("--count", this.state.count);
    strip.replaceChildren(...Array.from({ length: this.state.count }, (_, place) => this.picture(name, side, place)));
    return row;
  }

  picture(name, side, place) {
    const told = side?.pictures[place];
    const figure = make("<figure><img><figcaption></figcaption></figure>");
    const seed = this.state.seed + place;
    figure.querySelector("figcaption").textContent = told ? fill("compare_seed_n", { seed }) : say(side === FAILED ? "compare_failed" : "compare_busy");
    const image = figure.querySelector("img");
    if (!told) {
      figure.classList.toggle("waiting", side !== FAILED);
      image.remove();
      return figure;
    }
    image.src = `data:image/png;base64,${told.png}`;
    image.alt = fill("compare_alt", { seed, model: name });
    const button = make('<button type="button" class="restore"></button>');
    button.append(image);
    button.addEventListener("click", () => open("sample", { model: name, seed, count: 1, class: "any" }));
    figure.prepend(button);
    return figure;
  }

  // The ranking

  rank() {
    this.find("why").textContent = say(this.rows.length ? "compare_table_why" : "compare_table_none");
    this.find("tables").replaceChildren(...groups(this.rows, ["task", "extractor"]).map((rows) => this.table(rows)));
  }

  table(rows) {
    const [{ task, extractor }] = rows;
    // Only what did the same on pictures of one source can be ranked, so that each contest has places of its own.
    const contests = groups(rows, ["translation", "data"]);
    const columns = COLUMNS.filter((name) => rows.some((row) => row[name] !== null));
    const block = make('<div class="scrolled" tabindex="0" role="region"><table><caption></caption><thead><tr><th scope="col">#</th></tr></thead><tbody></tbody></table></div>');
    const measured = extractor && fill("compare_measured", { extractor });
    const title = [say(`compare_task_${task}`), contests.length === 1 && contestOf(rows), measured].filter(Boolean).join(" · ");
    block.setAttribute("aria-label", title);
    block.querySelector("caption").textContent = title;
    const head = block.querySelector("thead tr");
    for (const name of columns) {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      cell.className = name;
      cell.textContent = name === "quality" ? say(`compare_quality_${task}`) : say(HEADS[name]);
    }
    block.querySelector("tbody").replaceWith(...contests.map((contest) => {
      const body = document.createElement("tbody");
      if (contests.length > 1) body.append(heading(contestOf(contest), columns.length + 1));
      body.append(...contest.map((row, place) => this.line(row, place, columns)));
      return body;
    }));
    return block;
  }

  line(row, place, columns) {
    const line = document.createElement("tr");
    line.append(cell("td", place + 1, "place"));
    for (const name of columns) {
      if (name === "recipe") line.append(this.who(row));
      else line.append(cell("td", typeof row[name] === "number" ? rounded(row[name]) : row[name], name));
    }
    return line;
  }

  who(row) {
    const head = cell("th", row.recipe, "recipe");
    head.scope = "row";
    const here = this.served.find((model) => model.name === row.recipe);
    if (here) {
      const mark = head.appendChild(document.createElement("span"));
      mark.className = here.sha256 === row.sha256 ? "same" : "other";
      mark.textContent = say(here.sha256 === row.sha256 ? "compare_served" : "compare_other");
    }
    return head;
  }
}

const HEADS = { recipe: "compare_recipe", diversity: "compare_diversity", bound: "compare_bound", error: "compare_error",
  kilobytes: "compare_kilobytes", minutes: "compare_minutes", milliseconds: "compare_milliseconds", description: "compare_description" };

function cell(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  made.className = kind;
  return made;
}

/** Part rows by what they say under `names`, in the order in which that comes up. */
function groups(rows, names) {
  const parted = new Map();
  for (const row of rows) {
    const key = JSON.stringify(names.map((name) => row[name]));
    parted.set(key, [...(parted.get(key) ?? []), row]);
  }
  return [...parted.values()];
}

const contestOf = ([{ translation, data }]) => [translation, data].filter(Boolean).map(spoken).join(" · ");

function heading(text, columns) {
  const line = document.createElement("tr");
  const head = line.appendChild(cell("th", text, "contest"));
  head.colSpan = columns;
  head.scope = "rowgroup";
  return line;
}

const rounded = (value) => (Math.abs(value) < 1000 ? Number(value.toPrecision(3)).toString() : Math.round(value).toLocaleString());
