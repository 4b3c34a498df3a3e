// What the tabs that Python draws share: every painting's state goes into the address and the history, and comes back.

import { add } from "./history.js";
import { arrival, register, remember, tell } from "./core.js";

/** `restore(state)` lets Python set the controls. With `unasked`, the first painting is the page's own, and not kept. */
export function follow(key, element, { restore, unasked }) {
  let first = unasked ? undefined : "";
  let noted;

  // Gradio brings a new painting into the elements of the last one.
  function note() {
    const shown = element.querySelector(".compare");
    const text = shown?.dataset.state;
    const now = `${text} ${shown?.querySelector(".after").getAttribute("src")}`;
    if (!shown || now === noted) return;
    noted = now;
    const state = JSON.parse(text);
    remember(key, state);
    first ??= now;
    if (now !== first) keep(key, shown, state).catch(tell);
  }

  const read = () => JSON.parse(element.querySelector(".compare")?.dataset.state ?? "{}");
  // The state of the address was taken up by the server with the page.
  let greeted = arrival.tab !== key;
  const write = (state) => {
    if (greeted && Object.keys(state).length) restore(state);
    greeted = true;
  };
  register(key, element, { read, write }); // before a painting that is there already writes its state into the address
  new MutationObserver(note).observe(element, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-state", "src"] });
  note();
}

async function keep(key, shown, state) {
  await add(key, state, await (await fetch(shown.querySelector(".after").src)).blob());
}
