// The latent space as a map: four pinned pictures at its corners, and the one under the pointer, live.

import { add } from "./history.js";
import { Pad } from "./pad.js";
import { call, fill, make, markOf, models, notice, number, offer, open, pickSampler, readPins, register, remember, save, say, share, spoken,
  surprise, tell, writePins } from "./core.js";

const MOVE = 4;
const TILES = 7;
const SEEDS = [3, 14, 15, 92];

const MARKUP = `
<div class="desk explore">
  <p class="empty notice" data-say="explore_missing" hidden></p>
  <div class="stage">
    <figure class="live"><img id="explore-picture" alt=""><figcaption aria-hidden="true"></figcaption></figure>
    <div class="map" id="explore-map">
      <img class="atlas" alt="">
      <span class="knob" aria-hidden="true"></span>
      <label class="unseen"><span data-say="explore_across"></span>
        <input type="range" id="explore-x" min="0" max="1" step="0.01" aria-describedby="explore-hint"></label>
      <label class="unseen"><span data-say="explore_down"></span>
        <input type="range" id="explore-y" min="0" max="1" step="0.01" aria-describedby="explore-hint"></label>
    </div>
    <p class="hint" id="explore-hint" data-say="explore_hint"></p>
    <p class="hint figures" id="explore-rate" aria-hidden="true"></p>
    <fieldset class="moves"><legend data-say="explore_directions"></legend></fieldset>
  </div>
  <form class="panel" onsubmit="return false">
    <label class="field"><span data-say="explore_model"></span><select id="explore-model"></select></label>
    <fieldset class="pins"><legend data-say="explore_corners"></legend></fieldset>
    <label class="field"><span data-say="explore_truncation"></span>
      <input type="range" id="explore-truncation" aria-describedby="explore-truncation-info" min="0" max="1.5" step="0.05"><output></output></label>
    <p class="info" id="explore-truncation-info" data-say="sample_truncation_info"></p>
    <div class="deeds">
      <button type="button" class="main" id="explore-save" data-say="explore_save"></button>
      <button type="button" id="explore-star" data-say="explore_star"></button>
      <button type="button" id="explore-travel" data-say="explore_travel"></button>
      <button type="button" id="explore-shuffle" data-say="explore_shuffle"></button>
      <button type="button" id="explore-share" data-say="explore_share"></button>
    </div>
  </form>
</div>`;

const PIN = `<div class="pin">
  <input type="number" min="0" max="4294967295" step="1" required><select></select></div>`;
const SLIDER = `<label class="field"><span></span><input type="range" min="${-MOVE}" max="${MOVE}" step="0.1"><output></output></label>`;

export async function mount(element) {
  const samplers = await models("sample");
  const root = element.appendChild(make(MARKUP));
  const find = (selector) => root.querySelector(selector);
  const parts = {
    root, find, samplers,
    picture: find("#explore-picture"), caption: find(".live figcaption"), truncation: find("#explore-truncation"), model: find("#explore-model"),
    pins: find(".pins"), moves: find(".moves"), rate: find("#explore-rate"),
  };
  find(".empty").hidden = samplers.length > 0;
  for (const part of root.querySelectorAll(".stage, .panel")) part.hidden = samplers.length === 0;
  return new Explorer(parts).start();
}

class Explorer {
  constructor(parts) {
    Object.assign(this, parts);
    this.place = { x: 0.5, y: 0.5 }; // where the pointer is
    this.home = { x: 0.5, y: 0.5 }; // where it goes back to when the pointer leaves
    this.state = null;
    this.pad = new Pad(this.find(".map"), (place, settled) => this.moved(place, settled));
    this.drawing = 0;
    this.stale = false;
    this.times = [];
    for (let corner = 0; corner < 4; corner += 1) this.pins.append(make(PIN));
  }

  async start() {
    this.listen();
    await register("explore", this.root, this);
    return this;
  }

  get card() {
    return this.samplers.find((model) => model.name === this.state.model) ?? this.samplers[0];
  }

  // State <-> controls

  read() {
    const { model, pins, moves, truncation } = this.state;
    return { model, pins: writePins(pins), x: this.home.x, y: this.home.y, truncation, moves: moves.join(",") };
  }

  write(said) {
    if (!this.samplers.length) return;
    const card = pickSampler(this.samplers, said.model);
    const pins = readPins(said.pins).map((pin) => ({ ...pin, class: card.choices.includes(pin.class) ? pin.class : "any" }));
    const amounts = (said.moves ?? "").split(",");
    this.state = {
      model: card.name,
      // Within one class the map is calm, so that is where a visitor starts.
      pins: SEEDS.map((seed, corner) => pins[corner % Math.max(pins.length, 1)] ?? { seed, class: card.choices.at(-1) ?? "any" }),
      truncation: number(said.truncation, { low: 0, high: 1.5, otherwise: 1 }),
      moves: card.strengths.map((_, index) => number(amounts[index], { low: -MOVE, high: MOVE, otherwise: 0 })),
    };
    this.home = {
      x: number(said.x, { low: 0, high: 1, otherwise: 0.5 }),
      y: number(said.y, { low: 0, high: 1, otherwise: 0.5 }),
    };
    this.place = { ...this.home };
    this.show();
    this.redraw();
  }

  speak() {
    if (this.state) this.show();
    this.describe();
  }

  show() {
    const { card, state } = this;
    offer(this.model, this.samplers.map(({ name }) => [name, name]), card.name);
    this.truncation.value = state.truncation;
    this.truncation.nextElementSibling.value = state.truncation.toFixed(2);
    [...this.pins.querySelectorAll(".pin")].forEach((row, corner) => this.showPin(row, corner));
    const sliders = card.strengths.map((strength, index) => {
      const slider = make(SLIDER);
      const [input, output] = [slider.querySelector("input"), slider.querySelector("output")];
      slider.querySelector("span").textContent = fill("explore_direction", { n: index + 1 });
      slider.title = fill("explore_strength", { strength: strength.toFixed(2) });
      input.addEventListener("dblclick", () => {
        input.value = 0;
        input.dispatchEvent(new Event("input"));
      });
      input.value = state.moves[index];
      output.value = state.moves[index].toFixed(1);
      input.addEventListener("input", () => {
        state.moves[index] = input.valueAsNumber;
        output.value = input.valueAsNumber.toFixed(1);
        this.redraw();
      });
      return slider;
    });
    this.moves.hidden = sliders.length === 0;
    this.moves.replaceChildren(this.moves.querySelector("legend"), ...sliders);
    this.pad.put(this.home);
  }

  showPin(row, corner) {
    const [seed, choice] = [row.querySelector("input"), row.querySelector("select")];
    const pin = this.state.pins[corner];
    seed.value = pin.seed;
    seed.setAttribute("aria-label", `${say(`explore_corner${corner}`)}: ${say("explore_seed")}`);
    choice.setAttribute("aria-label", `${say(`explore_corner${corner}`)}: ${say("explore_class")}`);
    choice.hidden = this.card.choices.length === 0;
    offer(choice, [["any", say("explore_any")], ...this.card.choices.map((name) => [name, spoken(name)])], pin.class);
    seed.onchange = () => {
      if (!seed.checkValidity()) return seed.reportValidity();
      this.state.pins[corner] = { ...this.state.pins[corner], seed: seed.valueAsNumber };
      return this.redraw();
    };
    choice.onchange = () => {
      this.state.pins[corner] = { ...this.state.pins[corner], class: choice.value };
      this.redraw();
    };
  }

  // Controls

  listen() {
    this.truncation.addEventListener("input", () => {
      this.state.truncation = this.truncation.valueAsNumber;
      this.truncation.nextElementSibling.value = this.state.truncation.toFixed(2);
      this.redraw();
    });
    this.model.addEventListener("change", () => this.write({ ...this.read(), model: this.model.value, moves: "" }));
    const on = (id, deed) => this.find(id).addEventListener("click", () => Promise.resolve(deed()).catch(tell));
    on("#explore-save", () => this.save());
    on("#explore-star", () => this.keep());
    on("#explore-travel", () => this.travel());
    on("#explore-share", () => share());
    on("#explore-shuffle", () => {
      this.state.pins = this.state.pins.map((pin) => ({ ...pin, seed: surprise() }));
      this.show();
      this.redraw();
    });
  }

  /** The pointer is at `place`; `settled` if it shall stay there. */
  moved(place, settled) {
    this.place = place;
    this.draw();
    if (!settled) return;
    this.home = place;
    this.rememberSoon();
  }

  rememberSoon() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => remember("explore", this.read()), 300);
  }

  // Pictures: two requests under way at most, the latest position always wins

  request() {
    const { model, pins, moves, truncation } = this.state;
    return { model, pins, moves, truncation, ...this.place };
  }

  redraw() {
    this.draw();
    clearTimeout(this.mapping);
    this.mapping = setTimeout(() => this.drawMap().catch(tell), 120);
    this.rememberSoon();
  }

  async draw() {
    if (this.drawing >= 2) {
      this.stale = true;
      return;
    }
    this.drawing += 1;
    this.stale = false;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const blob = await call("picture", this.request()).then((answer) => answer.blob()).catch(tell);
    this.drawing -= 1;
    if (this.stale) this.draw();
    if (!blob || turn < (this.last ?? 0)) return;
    this.last = turn;
    await this.put(blob);
  }

  async put(blob) {
    const before = this.picture.src;
    this.blob = blob;
    this.picture.src = URL.createObjectURL(blob);
    await this.picture.decode().catch(() => {}); // replaced by a later one meanwhile
    if (before) URL.revokeObjectURL(before);
    this.describe();
    const now = performance.now();
    this.times = [...this.times.filter((time) => now - time < 1000), now];
    this.root.dataset.frames = Number(this.root.dataset.frames ?? 0) + 1;
    this.rate.textContent = this.times.length > 4 ? fill("explore_rate", { rate: this.times.length }) : "";
  }

  describe() {
    const { x, y } = this.place;
    const where = { model: this.state?.model ?? "", x: Math.round(x * 100), y: Math.round(y * 100) };
    this.picture.alt = fill("explore_alt", where);
    this.find(".atlas").alt = fill("explore_atlas", where);
    this.caption.textContent = `${where.x} · ${where.y}`;
  }

  async drawMap() {
    this.mapper?.abort();
    this.mapper = new AbortController();
    const { model, pins, moves, truncation } = this.request();
    const body = { model, pins, moves, truncation, tiles: TILES };
    const blob = await (await call("map", body, { signal: this.mapper.signal })).blob();
    const atlas = this.find(".atlas");
    if (atlas.src) URL.revokeObjectURL(atlas.src);
    atlas.src = URL.createObjectURL(blob);
  }

  // Deeds

  async save() {
    const state = this.read(); // controls may change until the picture is there
    const blob = await (await call("picture", { ...this.request(), ...this.home, enlarge: 4 })).blob();
    save(blob, `${state.model}-map-${markOf(state)}.png`);
    await add("explore", state, blob);
  }

  async keep() {
    await add("explore", this.read(), this.blob, { star: true });
    notice(say("explore_kept"));
  }

  travel() {
    const [upper, right, lower, left] = [0, 1, 3, 2].map((corner) => this.state.pins[corner]);
    open("journey", { model: this.state.model, pins: writePins([upper, right, lower, left]), truncation: this.state.truncation });
  }
}
