// The gallery of styles: one of them, or several with a weight each. `element`, `props`, `trigger` and `watch` are
// Gradio's: `props.styles` lists what there is, with labels of HTML in all languages, of which a style sheet shows
// the page's; `props.value` is the choice as JSON of name -> weight.
const tiles = element.querySelector(".tiles");
const sliders = element.querySelector(".weights");
const mixing = element.querySelector(".mixing input");
const chosen = () => JSON.parse(props.value || "{}");

function choose(weights) {
  props.value = JSON.stringify(weights);
  trigger("input");
}

function make(tag, attributes, ...children) {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
}

function tile({ name, label, thumbnail, own }) {
  const input = make("input", { type: mixing.checked ? "checkbox" : "radio", name: "style-choice", value: name });
  input.checked = name in chosen();
  input.onchange = () => {
    const { [name]: weight, ...others } = chosen();
    if (!mixing.checked) choose({ [name]: 1 });
    else if (input.checked) choose({ ...others, [name]: 1 });
    else if (Object.keys(others).length) choose(others);
    else input.checked = true;
    drawSliders();
  };
  const picture = make("span", { className: "picture" });
  if (thumbnail) picture.append(make("img", { src: thumbnail, alt: "" }));
  return make("label", { className: own ? "own" : "" }, input, picture, make("span", { className: "name", innerHTML: label }));
}

function drawSliders() {
  const weights = chosen();
  const shown = props.styles.filter(({ name }) => mixing.checked && name in weights);
  sliders.replaceChildren(...(shown.length > 1 ? shown.map(slider) : []));
}

function slider({ name, label }) {
  const share = make("output", {});
  const range = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: chosen()[name] });
  const tell = () => {
    const all = [...sliders.querySelectorAll("input")];
    const total = all.reduce((sum, { value }) => sum + Number(value), 0);
    for (const one of all) one.nextSibling.value = total ? `${Math.round((100 * one.value) / total)} %` : "0 %";
  };
  range.oninput = tell;
  range.onchange = () => choose({ ...chosen(), [name]: Number(range.value) });
  queueMicrotask(tell);
  return make("label", {}, make("span", { innerHTML: label }), range, share);
}

function draw() {
  mixing.checked ||= Object.keys(chosen()).length > 1;
  tiles.replaceChildren(...props.styles.map(tile));
  drawSliders();
}

mixing.onchange = () => {
  const [first] = Object.keys(chosen());
  if (!mixing.checked && Object.keys(chosen()).length > 1) choose({ [first]: 1 });
  draw();
};
watch(["styles", "value"], draw);
draw();
