// Plays frames on a canvas while more of them arrive.

export class Player {
  /** `describe(frame, frames)` is the alternative text of a frame. */
  constructor({ canvas, button, bar }, describe) {
    Object.assign(this, { canvas, button, bar });
    this.words = describe;
    this.frames = [];
    this.at = -1;
    this.playing = false;
    this.button.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    this.bar.addEventListener("input", () => {
      this.pause();
      this.show(this.bar.valueAsNumber);
    });
  }

  /** Play at so many frames a second: those that come from now on, or with `keep` those that are there. */
  begin(rate, { keep = false } = {}) {
    if (!keep) {
      for (const frame of this.frames) frame.close();
      this.frames = [];
    }
    this.rate = rate;
    this.at = -1;
    // Whoever asked their system for less movement starts the film themselves.
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.pause();
    else this.play();
  }

  async add(base64) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const { frames } = this;
    const frame = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    if (frames !== this.frames) return frame.close(); // another film has begun
    frames.push(frame);
    this.bar.max = this.frames.length - 1;
    this.bar.disabled = this.button.disabled = false;
    if (this.frames.length === 1) this.show(0);
  }

  play() {
    this.pause();
    this.playing = true;
    this.button.textContent = "❚❚";
    this.clock = setInterval(() => this.next(), 1000 / this.rate);
  }

  pause() {
    clearInterval(this.clock);
    this.playing = false;
    this.button.textContent = "▶";
  }

  next() {
    if (!this.canvas.isConnected) this.pause();
    else if (this.canvas.offsetParent && this.frames.length) this.show((this.at + 1) % this.frames.length);
  }

  show(at) {
    this.at = at;
    const frame = this.frames[at];
    if (this.canvas.width !== frame.width) {
      this.canvas.width = frame.width;
      this.canvas.height = frame.height;
    }
    this.canvas.getContext("2d").drawImage(frame, 0, 0);
    this.bar.value = at;
    this.describe();
  }

  /** The first frame as a picture file. */
  async snapshot() {
    const [first] = this.frames;
    const canvas = new OffscreenCanvas(first.width, first.height);
    canvas.getContext("2d").drawImage(first, 0, 0);
    return canvas.convertToBlob();
  }

  describe() {
    this.canvas.setAttribute("aria-label", this.words(this.at + 1, this.frames.length));
  }
}
