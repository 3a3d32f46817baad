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

/** Look at what the gallery holds now. */
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

/** Add what is new. What is on the page stays where it is: somebody may be about to click it. */
function show(fresh) {
  const shown = document.getElementById("prints");
  if (!fresh?.querySelector("figure") || !shown) return;
  shown.querySelector(".empty")?.remove();
  let before = null;
  for (const print of fresh.querySelectorAll("figure")) {
    const there = shown.querySelector(`[data-photo="${print.dataset.photo}"]`);
    if (there?.matches(".developing")) develop(there, print);
    else if (!there && before) before.after(print);
    else if (!there) shown.prepend(print);
    before = there ?? print;
  }
  clearKept();
}

function develop(there, print) {
  there.className = print.className;
  if (print.matches(".developing")) return;
  there.querySelector("a").replaceChildren(...print.querySelector("a").childNodes);
}

/** A line that says "kept" has said it when the print is there. */
function clearKept() {
  for (const line of document.querySelectorAll("#uploads [data-state=kept]")) {
    if (document.querySelector(`#prints [data-photo="${line.dataset.number}"]:not(.developing)`)) line.remove();
  }
}
