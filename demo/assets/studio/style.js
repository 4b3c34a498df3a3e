// Style transfer: links and history of what was painted. Photograph and style picture stay where they are.

import { arrival, notice, say } from "./core.js";
import { follow } from "./painted.js";

const OWN = "picture"; // what a mixture calls the style of one's own

/** Say so where a state is of a style whose picture is not here: the painting will be in another one. */
function tellMissing({ mixture }) {
  let names = [];
  try {
    names = Object.keys(JSON.parse(mixture));
  } catch {
    // The server takes it for none, too.
  }
  if (names.includes(OWN) && !document.querySelector("#style-choice .own")) notice(say("style_unlinked"), "problem");
}

export function mount(element, restore) {
  if (arrival.tab === "style") tellMissing(arrival);
  return follow("style", element, {
    restore(state) {
      tellMissing(state);
      restore(state);
    },
    unasked: true,
  });
}
