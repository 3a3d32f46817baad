/* The gallery: prints that are being developed are looked at again, until they are there. */

import { steadyFetch } from "./steadily.js";
import { read } from "./visits.js";

const PAUSE = 900;
let waiting = null;

/** Look again, as long as something is being developed. */
export function watchPrints() {
  clearTimeout(waiting);
  if (document.querySelector(".developing")) waiting = setTimeout(refreshPrints, PAUSE);
}

/** Show what the gallery holds now. What is on the page already stays, and is not fetched again. */
export async function refreshPrints() {
  clearTimeout(waiting);
  const address = location.href;
  const response = await steadyFetch(address, { headers: { Accept: "text/html" } });
  const fresh = (await read(response)).getElementById("prints");
  const shown = document.getElementById("prints");
  if (!fresh || !shown || location.href !== address) return;
  for (const print of shown.querySelectorAll("figure:not(.developing)")) {
    fresh.querySelector(`[data-photo="${print.dataset.photo}"]`)?.replaceWith(print);
  }
  shown.replaceWith(fresh);
  clearKept();
  watchPrints();
}

/** A line that says "kept" has said it when the print is there. */
function clearKept() {
  for (const line of document.querySelectorAll("#uploads [data-state=kept]")) {
    if (document.querySelector(`#prints [data-photo="${line.dataset.number}"]:not(.developing)`)) line.remove();
  }
}
