// A film from stop to stop: frames stream in while it plays, and may be saved as GIF, WebP or MP4.

import { add } from "./history.js";
import { Player } from "./player.js";
import { call, fill, make, models, number, offer, pickSampler, readPins, redraw, register, remember, save, say, share, spoken, surprise, tell,
  told, writePins } from "./core.js";

const MAX_STOPS = 12;
const RATES = [10, 20, 25, 50];
const EASINGS = ["linear", "smooth", "gentle", "sine"];
const SEEDS = [7, 21, 35, 64];

const MARKUP = `
<div class="desk journey">
  <p class="empty notice" data-say="journey_missing" hidden></p>
  <div class="stage">
    <div class="film"><canvas id="journey-canvas" role="img" width="64" height="64"></canvas></div>
    <div class="transport">
      <button type="button" id="journey-play" data-say-label="journey_play" disabled>▶</button>
      <input type="range" id="journey-frame" data-say-label="journey_frame" min="0" max="0" value="0" disabled>
      <output id="journey-progress" for="journey-frame"></output>
    </div>
    <ol class="stops" id="journey-stops" data-say-label="journey_stops"></ol>
  </div>
  <form class="panel" onsubmit="return false">
    <label class="field"><span data-say="journey_model"></span><select id="journey-model"></select></label>
    <label class="field"><span data-say="journey_seconds"></span>
      <input type="range" id="journey-seconds" min="0.5" max="6" step="0.5"><output></output></label>
    <div class="pair">
      <label class="field"><span data-say="journey_easing"></span><select id="journey-easing"></select></label>
      <label class="field"><span data-say="journey_rate"></span><select id="journey-rate"></select></label>
    </div>
    <label class="field"><span data-say="journey_truncation"></span>
      <input type="range" id="journey-truncation" aria-describedby="journey-truncation-info" min="0" max="1.5" step="0.05"><output></output></label>
    <p class="info" id="journey-truncation-info" data-say="sample_truncation_info"></p>
    <label class="field check"><input type="checkbox" id="journey-loop"><span data-say="journey_loop"></span></label>
    <div class="deeds">
      <button type="button" class="main" id="journey-film" data-say="journey_film"></button>
      <button type="button" class="main" id="journey-halt" data-say="journey_halt" hidden></button>
    </div>
    <label class="field"><span data-say="journey_enlarge"></span><select id="journey-enlarge"></select></label>
    <fieldset class="formats"><legend data-say="journey_format"></legend>
      <button type="button" data-format="gif">GIF</button>
      <button type="button" data-format="webp">WebP</button>
      <button type="button" data-format="mp4">MP4</button>
    </fieldset>
    <div class="deeds"><button type="button" id="journey-share" data-say="journey_share"></button></div>
  </form>
</div>`;

const STOP = `<li class="stop"><img width="96" height="96">
  <input type="number" min="0" max="4294967295" step="1" required><select></select>
  <div class="order"><button type="button" class="earlier">←</button><button type="button" class="later">→</button>
  <button type="button" class="remove">×</button></div></li>`;

export async function mount(element) {
  const samplers = await models("sample");
  const root = element.appendChild(make(MARKUP));
  root.querySelector(".empty").hidden = samplers.length > 0;
  for (const part of root.querySelectorAll(".stage, .panel")) part.hidden = samplers.length === 0;
  return samplers.length ? new Traveller(root, samplers).start() : register("journey", root, { write() {} });
}

class Traveller {
  constructor(root, samplers) {
    this.root = root;
    this.samplers = samplers;
    const [canvas, button, bar] = ["canvas", "play", "frame"].map((name) => this.find(name));
    this.player = new Player({ canvas, button, bar }, (frame, frames) => fill("journey_alt", { frame, frames, model: this.state.model }));
  }

  find(name) {
    return this.root.querySelector(`#journey-${name}`);
  }

  get card() {
    return this.samplers.find((model) => model.name === this.state.model);
  }

  async start() {
    this.find("model").addEventListener("change", () => this.write({ ...this.read(), model: this.find("model").value }));
    for (const name of ["seconds", "truncation", "easing", "rate", "enlarge", "loop"]) {
      this.find(name).addEventListener("input", () => this.changed());
    }
    this.find("film").addEventListener("click", () => this.film());
    this.find("halt").addEventListener("click", () => this.work?.abort());
    this.find("share").addEventListener("click", () => share());
    for (const button of this.root.querySelectorAll("[data-format]")) {
      button.addEventListener("click", () => this.export(button.dataset.format));
    }
    await register("journey", this.root, this);
    return this;
  }

  // State <-> controls

  read() {
    const { pins, ...rest } = this.state;
    return { ...rest, pins: writePins(pins), loop: this.state.loop ? 1 : 0 };
  }

  write(said) {
    const card = pickSampler(this.samplers, said.model);
    const known = (name) => (card.choices.includes(name) ? name : "any");
    const pins = readPins(said.pins).slice(0, MAX_STOPS).map((pin) => ({ ...pin, class: known(pin.class) }));
    this.state = {
      model: card.name,
      pins: pins.length >= 2 ? pins : SEEDS.map((seed) => ({ seed, class: card.choices.at(-1) ?? "any" })),
      seconds: number(said.seconds, { low: 0.2, high: 20, otherwise: 1.5 }),
      rate: RATES.includes(Number(said.rate)) ? Number(said.rate) : 20,
      easing: EASINGS.includes(said.easing) ? said.easing : "smooth",
      loop: said.loop === undefined || Number(said.loop) === 1,
      truncation: number(said.truncation, { low: 0, high: 1.5, otherwise: 1 }),
      enlarge: [1, 2, 4, 8].includes(Number(said.enlarge)) ? Number(said.enlarge) : 4,
    };
    this.show();
    this.player.describe();
    return this.film({ kept: Object.keys(said).length > 0 }); // what the tab begins with is nobody's work
  }

  speak() {
    this.show();
    this.player.describe();
  }

  changed() {
    Object.assign(this.state, {
      seconds: this.find("seconds").valueAsNumber,
      truncation: this.find("truncation").valueAsNumber,
      easing: this.find("easing").value,
      rate: Number(this.find("rate").value),
      enlarge: Number(this.find("enlarge").value),
      loop: this.find("loop").checked,
    });
    this.tell();
    this.filmSoon();
  }

  /** Show what changes come to once they rest. */
  filmSoon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.film(), 600);
  }

  tell() {
    this.find("seconds").nextElementSibling.value = this.state.seconds.toFixed(1);
    this.find("truncation").nextElementSibling.value = this.state.truncation.toFixed(2);
    remember("journey", this.read());
  }

  show() {
    const { state, card } = this;
    offer(this.find("model"), this.samplers.map(({ name }) => [name, name]), state.model);
    offer(this.find("easing"), EASINGS.map((name) => [name, say(`journey_easing_${name}`)]), state.easing);
    offer(this.find("rate"), RATES.map((rate) => [`${rate}`, `${rate}`]), `${state.rate}`);
    const sizes = [1, 2, 4, 8].map((factor) => [`${factor}`, `${card.size * factor} × ${card.size * factor}`]);
    offer(this.find("enlarge"), sizes, `${state.enlarge}`);
    this.find("seconds").value = state.seconds;
    this.find("truncation").value = state.truncation;
    this.find("loop").checked = state.loop;
    this.showStops();
    this.tell();
  }

  showStops() {
    const { pins } = this.state;
    const add = make(`<li class="stop add"><button type="button">+</button></li>`);
    const button = add.firstElementChild;
    button.setAttribute("aria-label", say("journey_add"));
    button.title = say("journey_add");
    button.addEventListener("click", () => {
      pins.push({ seed: surprise(), class: pins.at(-1).class });
      this.showStops();
      this.tell();
      this.filmSoon();
    });
    const stops = pins.map((pin, index) => this.makeStop(pin, index));
    redraw(this.find("stops"), [...stops, ...(pins.length < MAX_STOPS ? [add] : [])]);
  }

  makeStop(pin, index) {
    const stop = make(STOP);
    const [seed, choice, image] = ["input", "select", "img"].map((tag) => stop.querySelector(tag));
    const n = index + 1;
    const labels = { ".earlier": "journey_earlier", ".later": "journey_later", ".remove": "journey_remove" };
    for (const [selector, key] of Object.entries(labels)) stop.querySelector(selector).setAttribute("aria-label", fill(key, { n }));
    seed.value = pin.seed;
    seed.setAttribute("aria-label", `${fill("journey_stop", { n })}: ${say("journey_seed")}`);
    choice.setAttribute("aria-label", `${fill("journey_stop", { n })}: ${say("journey_class")}`);
    choice.hidden = this.card.choices.length === 0;
    offer(choice, [["any", say("journey_any")], ...this.card.choices.map((name) => [name, spoken(name)])], pin.class);
    image.alt = fill("journey_stop_alt", { n, seed: pin.seed, model: this.state.model });
    this.paint(image, pin);
    seed.addEventListener("change", () => seed.reportValidity() && this.replace(index, { ...pin, seed: seed.valueAsNumber }));
    choice.addEventListener("change", () => this.replace(index, { ...pin, class: choice.value }));
    const { pins } = this.state;
    stop.querySelector(".earlier").disabled = index === 0;
    stop.querySelector(".later").disabled = index === pins.length - 1;
    stop.querySelector(".remove").disabled = pins.length <= 2;
    stop.querySelector(".earlier").addEventListener("click", () => this.swap(index, index - 1));
    stop.querySelector(".later").addEventListener("click", () => this.swap(index, index + 1));
    stop.querySelector(".remove").addEventListener("click", () => this.replace(index));
    return stop;
  }

  replace(index, ...pins) {
    this.state.pins.splice(index, 1, ...pins);
    this.showStops();
    this.tell();
    this.filmSoon();
  }

  swap(index, other) {
    const { pins } = this.state;
    [pins[index], pins[other]] = [pins[other], pins[index]];
    this.showStops();
    this.tell();
    this.find("stops").children[other].querySelector(other < index ? ".earlier" : ".later").focus();
    this.filmSoon();
  }

  async paint(image, pin) {
    const { model, truncation } = this.state;
    const answer = await call("picture", { model, pins: [pin], truncation }).catch(tell);
    if (!answer) return;
    image.src = URL.createObjectURL(await answer.blob());
    image.onload = () => URL.revokeObjectURL(image.src);
  }

  // Frames

  request(extra) {
    return { ...this.state, enlarge: 1, ...extra };
  }

  /** Work that Stop ends: `each` gets every line of the stream; returns whether it came to its end, null if newer work ended it. */
  async stream(body, each) {
    this.work?.abort();
    const work = (this.work = new AbortController());
    this.busy(true);
    let whole = false;
    try {
      const answer = await call("journey", body, { signal: work.signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        for (const line of lines) {
          work.signal.throwIfAborted();
          await each(JSON.parse(line));
        }
      }
      whole = true;
    } catch (error) {
      tell(error);
    }
    if (this.work !== work) return null;
    this.work = null;
    this.busy(false);
    return whole;
  }

  busy(working) {
    this.find("film").hidden = working;
    this.find("halt").hidden = !working;
    for (const button of this.root.querySelectorAll("[data-format]")) button.disabled = working;
  }

  async film({ kept = true } = {}) {
    clearTimeout(this.waiting);
    this.tell();
    const state = this.read(); // controls may change while frames come
    this.player.begin(this.state.rate);
    const whole = await this.stream(this.request(), async (line) => {
      if (line.error) throw new Error(told(line.error));
      await this.player.add(line.png);
      this.report(fill("journey_saving", { frame: line.frame + 1, frames: line.frames }));
    });
    if (whole === null) return;
    const frames = this.player.frames.length;
    const seconds = (frames / this.state.rate).toFixed(1);
    this.report(whole ? fill("journey_ready", { frames, seconds }) : fill("journey_stopped", { frames }));
    this.root.dataset.frames = frames;
    if (whole && kept) await this.player.snapshot().then((picture) => add("journey", state, picture)).catch(tell);
  }

  async export(format) {
    clearTimeout(this.waiting);
    let drawn = 0;
    const whole = await this.stream(this.request({ format, enlarge: this.state.enlarge }), async (line) => {
      if (line.error) throw new Error(told(line.error));
      if (line.file) {
        const bytes = Uint8Array.from(atob(line.file), (letter) => letter.charCodeAt(0));
        save(new Blob([bytes], { type: line.type }), line.name);
        return;
      }
      drawn = line.frame + 1;
      const last = drawn === line.frames;
      this.report(fill(last ? "journey_encoding" : "journey_saving", { frame: drawn, frames: line.frames }));
    });
    if (whole === null) return;
    const seconds = (drawn / this.state.rate).toFixed(1);
    this.report(whole ? fill("journey_ready", { frames: drawn, seconds }) : fill("journey_stopped", { frames: drawn }));
  }

  report(text) {
    this.find("progress").value = text;
  }
}
