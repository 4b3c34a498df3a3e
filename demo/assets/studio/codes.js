// Pictures as codes of an autoencoding model: said again, on the way from one to another, with an attribute added.
// The server keeps nothing: codes come here once, and every picture is asked for by its code.

import { add } from "./history.js";
import { call, fill, make, models, notice, number, offer, register, remember, save, say, share, spoken, surprise,
  tell } from "./core.js";

const STEPS = 7;
const OWN = "*";
const SIDES = ["a", "b"];
const SEEDS = { a: 3, b: 8 };

const SIDE = (side) => `<section class="side" data-side="${side}">
  <h3 data-say="codes_picture_${side}"></h3>
  <figure><img class="seen" data-say-alt="codes_seen"><figcaption data-say="codes_seen"></figcaption></figure>
  <figure><img class="made" data-say-alt="codes_made"><figcaption data-say="codes_made"></figcaption></figure>
  <label class="drop small"><span data-say="codes_choose"></span><input type="file" accept="image/png,image/jpeg,image/webp"></label>
  <button type="button" class="another"></button></section>`;

const MARKUP = `
<div class="desk coded">
  <p class="empty notice" data-say="codes_missing" hidden></p>
  <div class="stage">
    ${SIDE("a")}
    <section class="middle">
      <figure class="live"><img id="codes-picture" alt=""></figure>
      <label class="field"><span data-say="codes_share_hint"></span>
        <input type="range" id="codes-share" min="0" max="1" step="0.01"><output></output></label>
      <div class="way" id="codes-way"></div>
    </section>
    ${SIDE("b")}
  </div>
  <form class="panel" onsubmit="return false">
    <label class="field"><span data-say="codes_model"></span><select id="codes-model"></select></label>
    <fieldset class="attribute"><legend data-say="codes_attribute"></legend>
      <label class="field"><span data-say="codes_source"></span><select id="codes-source"></select></label>
      <div class="pair classes">
        <label class="field"><span data-say="codes_plus"></span><select id="codes-plus"></select></label>
        <label class="field"><span data-say="codes_minus"></span><select id="codes-minus"></select></label>
      </div>
      <div class="pair own" hidden>
        <label class="field"><span data-say="codes_with"></span><input type="file" id="codes-with" multiple accept="image/png,image/jpeg,image/webp"><output></output></label>
        <label class="field"><span data-say="codes_without"></span><input type="file" id="codes-without" multiple accept="image/png,image/jpeg,image/webp"><output></output></label>
      </div>
      <label class="field"><span data-say="codes_amount"></span>
        <input type="range" id="codes-amount" min="-3" max="3" step="0.05"><output></output></label>
      <p class="hint" data-say="codes_attribute_hint"></p>
    </fieldset>
    <div class="deeds">
      <button type="button" class="main" id="codes-save" data-say="codes_save"></button>
      <button type="button" id="codes-star" data-say="codes_star"></button>
      <button type="button" id="codes-link" data-say="codes_share"></button>
    </div>
  </form>
</div>`;

export async function mount(element) {
  const painters = await models("sample");
  const coders = painters.filter((model) => model.encodes);
  const root = element.appendChild(make(MARKUP));
  root.querySelector(".empty").hidden = coders.length > 0;
  for (const part of root.querySelectorAll(".stage, .panel")) part.hidden = coders.length === 0;
  return coders.length ? new Coder(root, { painters, coders }).start() : register("codes", root, { write() {} });
}

class Coder {
  constructor(root, told) {
    this.root = root;
    Object.assign(this, told);
    this.codes = {};
    this.given = {};
    this.own = { with: [], without: [] };
    this.drawing = 0;
    this.stale = false;
  }

  find(name) {
    return this.root.querySelector(`#codes-${name}`);
  }

  side(side) {
    return this.root.querySelector(`.side[data-side="${side}"]`);
  }

  get card() {
    return this.coders.find((model) => model.name === this.state.model);
  }

  /** The model that paints pictures to begin with: one that sees the world in as many colours, another one if there is. */
  get painter() {
    const alike = this.painters.filter((model) => model.channels === this.card.channels && model.name !== this.card.name);
    return alike.find((model) => model.choices.length) ?? alike[0] ?? this.card;
  }

  async start() {
    const on = (name, event, deed) => this.find(name).addEventListener(event, () => Promise.resolve(deed()).catch(tell));
    on("model", "change", () => this.write({ ...this.read(), model: this.find("model").value, source: "" }));
    on("share", "input", () => this.slide("share", this.find("share").valueAsNumber));
    on("amount", "input", () => this.slide("amount", this.find("amount").valueAsNumber));
    on("source", "change", () => this.choose({ source: this.find("source").value, plus: "", minus: "" }));
    on("plus", "change", () => this.choose({ plus: this.find("plus").value }));
    on("minus", "change", () => this.choose({ minus: this.find("minus").value }));
    on("with", "change", () => this.gather("with"));
    on("without", "change", () => this.gather("without"));
    on("save", "click", () => this.save());
    on("star", "click", () => this.keep());
    on("link", "click", () => share());
    for (const side of SIDES) this.listen(side);
    await register("codes", this.root, this);
    return this;
  }

  listen(side) {
    const drop = this.side(side).querySelector(".drop");
    const input = drop.querySelector("input");
    const take = (file) => file && this.give(side, file).catch(tell);
    input.addEventListener("change", () => {
      take(input.files[0]);
      input.value = "";
    });
    drop.addEventListener("dragover", (event) => event.preventDefault());
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      take(event.dataTransfer.files[0]);
    });
    this.side(side).querySelector(".another").addEventListener("click", () => {
      this.paint(side, surprise()).then(() => this.redraw()).catch(tell);
    });
  }

  // State <-> controls: a picture of a seed can be written down, "" stands for one that was uploaded, which stays in this page

  read() {
    const { model, source, plus, minus, amount, a, b } = this.state;
    return { model, a, b, share: this.state.share, source, plus, minus, amount };
  }

  async write(said) {
    const card = this.coders.find((model) => model.name === said.model) ?? this.coders[0];
    const seed = (side) => (/^\d{1,9}$/.test(said[side] ?? "") ? Number(said[side]) : SEEDS[side]);
    const own = (side) => said[side] === "" && this.given[side];
    if (SIDES.some((side) => said[side] === "" && !own(side))) notice(say("codes_unlinked"), "problem");
    this.state = {
      model: card.name,
      share: number(said.share, { low: 0, high: 1, otherwise: 0 }),
      amount: number(said.amount, { low: -3, high: 3, otherwise: 0 }),
      source: said.source ?? "",
      plus: said.plus ?? "",
      minus: said.minus ?? "",
    };
    // Codes and directions belong to one model.
    this.work?.abort();
    this.directing?.abort();
    const { signal } = (this.work = new AbortController());
    this.codes = {};
    if (card !== this.coded) this.own = { with: [], without: [] };
    this.coded = card;
    this.direction = null;
    this.offerClasses();
    this.show();
    try {
      for (const side of SIDES) await (own(side) ? this.take(side, own(side)) : this.paint(side, seed(side)));
      await this.direct();
    } catch (error) {
      tell(error);
    }
    if (!signal.aborted) this.redraw();
  }

  speak() {
    if (this.state) this.show();
    this.describe();
  }

  show() {
    const { state, painter } = this;
    offer(this.find("model"), this.coders.map(({ name }) => [name, name]), state.model);
    for (const name of ["share", "amount"]) {
      this.find(name).value = state[name];
      this.find(name).nextElementSibling.value = name === "share" ? `${Math.round(100 * state.share)} %` : state.amount.toFixed(2);
    }
    for (const side of SIDES) this.side(side).querySelector(".another").textContent = fill("codes_seed", { model: painter.name });
    this.offerClasses();
    for (const kind of ["with", "without"]) {
      this.find(kind).nextElementSibling.value = fill("codes_given", { n: this.own[kind].length });
    }
  }

  offerClasses() {
    const { state } = this;
    const sources = this.painters.filter((model) => model.choices.length > 1);
    const alike = sources.find((model) => model.channels === this.card.channels) ?? sources[0];
    const pairs = [...sources.map(({ name }) => [name, name]), [OWN, say("codes_own")]];
    offer(this.find("source"), pairs, state.source || alike?.name || OWN);
    state.source = this.find("source").value;
    const classes = (sources.find((model) => model.name === state.source)?.choices ?? []).map((name) => [name, spoken(name)]);
    offer(this.find("plus"), classes, state.plus || classes.at(-1)?.[0]);
    offer(this.find("minus"), classes, state.minus || classes[0]?.[0]);
    state.plus = this.find("plus").value;
    state.minus = this.find("minus").value;
    this.root.querySelector(".classes").hidden = state.source === OWN;
    this.root.querySelector(".own").hidden = state.source !== OWN;
  }

  // Codes

  /** Throws where the model has changed meanwhile, as all below that waits for a code. */
  async encode(blob, { signal } = this.work) {
    const answer = await call(`encode?model=${encodeURIComponent(this.state.model)}`, blob, { signal });
    const told = await answer.json();
    signal.throwIfAborted();
    return told;
  }

  /** Take the picture of a seed for one side. */
  async paint(side, seed) {
    const { work } = this;
    const answer = await call("picture", { model: this.painter.name, pins: [{ seed }] }, work);
    await this.put(side, await answer.blob(), work);
    this.state[side] = seed;
  }

  /** Take a picture that was uploaded. */
  async give(side, file) {
    await this.take(side, file);
    this.given[side] = file;
    await this.redraw();
  }

  async take(side, file) {
    await this.put(side, file);
    this.state[side] = "";
  }

  async put(side, blob, work) {
    const told = await this.encode(blob, work);
    this.codes[side] = told.code;
    for (const name of ["seen", "made"]) this.side(side).querySelector(`.${name}`).src = `data:image/png;base64,${told[name]}`;
  }

  async choose(change) {
    Object.assign(this.state, change);
    this.offerClasses();
    await this.direct();
    await this.redraw();
  }

  /** Find what sets the chosen classes apart, or the visitor's own pictures with and without it. */
  async direct() {
    const { model, source, plus, minus } = this.state;
    this.directing?.abort();
    const { signal } = (this.directing = new AbortController());
    if (source === OWN) {
      const ready = this.own.with.length && this.own.without.length;
      this.direction = ready ? difference(mean(this.own.with), mean(this.own.without)) : null;
    } else if (plus === minus) {
      this.direction = null;
    } else {
      const { direction } = await (await call("attribute", { model, source, plus, minus }, { signal })).json();
      signal.throwIfAborted();
      this.direction = direction;
    }
    this.find("amount").disabled = this.direction === null;
  }

  async gather(kind) {
    const found = [];
    const { work } = this;
    for (const file of this.find(kind).files) found.push((await this.encode(file, work)).code);
    this.own[kind] = found;
    this.show();
    await this.direct();
    await this.redraw();
  }

  // Pictures: two requests under way at most, the latest place always wins

  slide(name, value) {
    this.state[name] = value;
    this.show();
    return this.draw();
  }

  request(shareOf = this.state.share) {
    const { model, amount } = this.state;
    const moved = this.direction && amount ? { direction: this.direction, amount } : {};
    return { model, code: this.codes.a, to: this.codes.b, share: shareOf, ...moved };
  }

  async redraw() {
    await this.draw();
    await this.drawWay().catch(tell);
  }

  async draw() {
    if (!this.codes.a || !this.codes.b) return;
    if (this.drawing >= 2) {
      this.stale = true;
      return;
    }
    this.drawing += 1;
    this.stale = false;
    const turn = (this.asked = (this.asked ?? 0) + 1);
    const blob = await call("decode", this.request()).then((answer) => answer.blob()).catch(tell);
    this.drawing -= 1;
    if (this.stale) this.draw();
    if (!blob || turn < (this.last ?? 0)) return;
    this.last = turn;
    const picture = this.find("picture");
    const before = picture.src;
    this.blob = blob;
    picture.src = URL.createObjectURL(blob);
    if (before) URL.revokeObjectURL(before);
    this.root.dataset.frames = Number(this.root.dataset.frames ?? 0) + 1;
    this.describe();
    this.rememberSoon();
  }

  async drawWay() {
    if (!this.codes.a || !this.codes.b) return;
    const steps = Array.from({ length: STEPS }, (_, step) => step / (STEPS - 1));
    const turn = (this.ways = (this.ways ?? 0) + 1);
    const images = await Promise.all(steps.map(async (place) => (await call("decode", this.request(place))).blob()));
    if (turn !== this.ways) return;
    for (const image of this.find("way").querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.find("way").replaceChildren(...images.map((blob, step) => {
      const button = make('<button type="button"><img></button>');
      const image = button.querySelector("img");
      image.src = URL.createObjectURL(blob);
      image.alt = fill("codes_way", { n: step + 1, count: STEPS });
      button.addEventListener("click", () => this.slide("share", Number(steps[step].toFixed(2))).catch(tell));
      return button;
    }));
  }

  describe() {
    if (!this.state) return;
    this.find("picture").alt = fill("codes_result", { model: this.state.model, percent: Math.round(100 * this.state.share) });
    this.find("way").querySelectorAll("img").forEach((image, step) => {
      image.alt = fill("codes_way", { n: step + 1, count: STEPS });
    });
  }

  rememberSoon() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => {
      remember("codes", this.read());
      if (this.state.amount) this.drawWay().catch(tell);
    }, 300);
  }

  // Deeds

  async save() {
    const state = this.read(); // controls may change until the picture is there
    const blob = await (await call("decode", { ...this.request(), enlarge: 4 })).blob();
    save(blob, `${state.model}-code.png`);
    await add("codes", state, blob);
  }

  async keep() {
    await add("codes", this.read(), this.blob, { star: true });
    notice(say("codes_kept"));
  }
}

const mean = (codes) => codes[0].map((_, place) => codes.reduce((sum, code) => sum + code[place], 0) / codes.length);
const difference = (one, other) => one.map((value, place) => value - other[place]);
