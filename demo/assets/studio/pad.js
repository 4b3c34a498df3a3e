// A square that pointer, arrow keys and touch move over. Two range inputs in it carry its place to screen readers.

const inside = (value, steps) => Math.min(1, Math.max(0, Math.round(value * steps) / steps));

export class Pad {
  /** `moved(place, settled)` is told of every move; a pointer that only hovers does not settle, and goes home as it leaves. */
  constructor(map, moved) {
    this.map = map;
    this.moved = moved;
    [this.x, this.y] = map.querySelectorAll("input");
    const follow = (event) => {
      const box = map.getBoundingClientRect();
      const [right, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      this.go({ x: inside(right, 200), y: inside(down, 200) }, event.buttons > 0);
    };
    map.addEventListener("pointerdown", (event) => {
      map.setPointerCapture(event.pointerId);
      follow(event);
      this.x.focus({ preventScroll: true });
      event.preventDefault();
    });
    map.addEventListener("pointermove", follow);
    map.addEventListener("pointerleave", () => this.go(this.home, false));
    map.addEventListener("keydown", (event) => this.step(event));
    for (const [axis, input] of [["x", this.x], ["y", this.y]]) {
      input.addEventListener("input", () => this.go({ ...this.home, [axis]: input.valueAsNumber }, true));
    }
  }

  /** Show a place as the one to come back to, without telling. */
  put(place) {
    this.home = place;
    this.point(place);
  }

  go(place, settled) {
    if (settled) this.home = place;
    this.point(place);
    this.moved(place, settled);
  }

  step(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!ways[event.key]) return;
    event.preventDefault();
    const far = event.shiftKey ? 0.1 : 0.02;
    const [right, down] = ways[event.key];
    this.go({ x: inside(this.home.x + right * far, 1000), y: inside(this.home.y + down * far, 1000) }, true);
  }

  point({ x, y }) {
    const knob = this.map.querySelector(".knob");
    knob.style.left = `${x * 100}%`;
    knob.style.top = `${y * 100}%`;
    for (const [input, value] of [[this.x, x], [this.y, y]]) {
      input.value = value;
      input.setAttribute("aria-valuetext", `${Math.round(value * 100)} %`);
    }
  }
}
