// A brush for the part of the photograph that is painted. `element`, `props`, `trigger` and `watch` are Gradio's:
// `props.picture` is the photograph, small, as a data URI; `props.value` is the mask as a PNG data URI, "" for none.
const board = element.querySelector("canvas");
const cursor = element.querySelector(".cursor");
const radius = element.querySelector("input[type=range]");
const [paint, erase, clear] = element.querySelectorAll("button");
const mask = document.createElement("canvas");
const photograph = new Image();
let last = null;
let spot = { x: 0.5, y: 0.5 };

function show() {
  const context = board.getContext("2d");
  context.drawImage(photograph, 0, 0, board.width, board.height);
  const tint = document.createElement("canvas");
  [tint.width, tint.height] = [board.width, board.height];
  const over = tint.getContext("2d");
  over.drawImage(mask, 0, 0);
  over.globalCompositeOperation = "source-in";
  over.fillStyle = "#cf5232";
  over.fillRect(0, 0, tint.width, tint.height);
  context.globalAlpha = 0.5;
  context.drawImage(tint, 0, 0);
  context.globalAlpha = 1;
  showCursor();
}

function showCursor() {
  const size = `${(2 * radius.value * board.clientWidth) / 100}px`;
  Object.assign(cursor.style, { left: `${100 * spot.x}%`, top: `${100 * spot.y}%`, width: size, height: size });
}

function dab(from, to) {
  const context = mask.getContext("2d");
  context.globalCompositeOperation = erase.ariaPressed === "true" ? "destination-out" : "source-over";
  context.lineCap = "round";
  context.lineWidth = (2 * radius.value * mask.width) / 100;
  context.beginPath();
  context.moveTo(from.x * mask.width, from.y * mask.height);
  context.lineTo(to.x * mask.width, to.y * mask.height);
  context.stroke();
  show();
}

// What was drawn is opaque on nothing; the server takes white on black.
function hand() {
  const flat = document.createElement("canvas");
  [flat.width, flat.height] = [mask.width, mask.height];
  const context = flat.getContext("2d");
  context.fillRect(0, 0, flat.width, flat.height);
  context.drawImage(mask, 0, 0);
  const empty = !mask.getContext("2d").getImageData(0, 0, mask.width, mask.height).data.some(Boolean);
  props.value = empty ? "" : flat.toDataURL("image/png");
  trigger("input");
}

function restart() {
  if (!props.picture) return;
  photograph.onload = () => {
    [board.width, board.height] = [photograph.naturalWidth, photograph.naturalHeight];
    [mask.width, mask.height] = [board.width, board.height];
    mask.getContext("2d").strokeStyle = "#fff";
    show();
  };
  photograph.src = props.picture;
}

function place(event) {
  const frame = board.getBoundingClientRect();
  return { x: (event.clientX - frame.left) / frame.width, y: (event.clientY - frame.top) / frame.height };
}

board.onpointerdown = (event) => {
  board.setPointerCapture(event.pointerId);
  spot = last = place(event);
  dab(last, last);
};
board.onpointermove = (event) => {
  spot = place(event);
  if (last) {
    dab(last, spot);
    last = spot;
  } else showCursor();
};
board.onpointerup = board.onpointercancel = () => {
  if (!last) return;
  last = null;
  hand();
};

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
board.onkeydown = (event) => {
  const step = STEPS[event.key];
  if (step) {
    const from = spot;
    const move = (value, by) => Math.min(1, Math.max(0, value + 0.02 * by));
    spot = { x: move(spot.x, step[0]), y: move(spot.y, step[1]) };
    if (event.shiftKey) dab(from, spot);
    else showCursor();
  } else if (event.key === " " || event.key === "Enter") dab(spot, spot);
  else return;
  event.preventDefault();
};
board.onkeyup = (event) => {
  if (event.key === " " || event.key === "Enter" || event.key === "Shift") hand();
};

function take(tool) {
  for (const button of [paint, erase]) button.ariaPressed = String(button === tool);
}
paint.onclick = () => take(paint);
erase.onclick = () => take(erase);
clear.onclick = () => {
  mask.getContext("2d").clearRect(0, 0, mask.width, mask.height);
  show();
  hand();
};
radius.oninput = showCursor;
watch("picture", restart);
restart();
