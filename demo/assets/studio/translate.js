// Translate: links and history of what was made. The picture stays where it is.

import { follow } from "./painted.js";

export const mount = (element, restore) => follow("translate", element, { restore, unasked: true });
