// Style transfer: links and history of what was painted. The photograph stays where it is.

import { follow } from "./painted.js";

export const mount = (element, restore) => follow("style", element, { restore, unasked: true });
