/* The gallery: prints that are being developed are looked at again, until they are there. */

import { GaveUp, steadyFetch } from "./steadily.js";
import { read } from "./visits.js";

const PAUSE = 900;
let waiting = null;
let latest = 0;

/** Look again soon, if something is being developed. */
export function watchPrints() {
  if (document.querySelector(".developing")) look(PAUSE);
}

/** Look again now: something was added. */
export const lookAtPrints = () => look(0);

function look(pause) {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, pause);
}

/** Show what the gallery holds now. What is on the page already stays, and is not fetched again. */
async function refresh() {
  const number = ++latest;
  const address = location.href;
  try {
    const answer = await steadyFetch(address, { headers: { Accept: "text/html" } });
    if (number === latest && location.href === address) show(read(answer).getElementById("prints"));
  } catch (error) {
    if (!(error instanceof GaveUp)) throw error;
  }
  watchPrints();
}

function show(fresh) {
  const shown = document.getElementById("prints");
  if (!fresh || !shown) return;
  for (const print of shown.querySelectorAll("figure:not(.developing)")) {
    fresh.querySelector(`[data-photo="${print.dataset.photo}"]`)?.replaceWith(print);
  }
  shown.replaceWith(fresh);
  clearKept();
}

/** A line that says "kept" has said it when the print is there. */
function clearKept() {
  for (const line of document.querySelectorAll("#uploads [data-state=kept]")) {
    if (document.querySelector(`#prints [data-photo="${line.dataset.number}"]:not(.developing)`)) line.remove();
  }
}
