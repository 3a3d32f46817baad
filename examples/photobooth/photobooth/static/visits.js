/* Links and forms, asked steadily: a click is not lost with the process that it was for. */

import { GaveUp, steadyFetch } from "./steadily.js";

const PARTS = ["header", "main", "footer"];
const listeners = [];
let latest = 0;

/** Call something now, and whenever another page is shown. */
export function whenShown(listener) {
  listeners.push(listener);
  listener();
}

/** Take over what is clicked and sent on this site's pages. */
export function followLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || !plain(event) || link.download || link.hash || link.origin !== location.origin) return;
    event.preventDefault();
    visit(link.href);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    const button = event.submitter;
    button?.setAttribute("aria-busy", "true");
    visit(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
      .finally(() => button?.removeAttribute("aria-busy"));
  });
  addEventListener("popstate", () => visit(location.href, {}, false));
}

const plain = (event) => event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);

/** Show a page, and put its address into the bar. */
export async function visit(url, options = {}, push = true) {
  const number = ++latest;
  try {
    const answer = await steadyFetch(url, { ...options, headers: { Accept: "text/html" } });
    if (number !== latest) return;
    if (push) history.pushState({}, "", answer.url);
    show(read(answer));
  } catch (error) {
    if (!(error instanceof GaveUp)) throw error; // the page says so already
  }
}

export const read = ({ text }) => new DOMParser().parseFromString(text, "text/html");

function show(page) {
  document.title = page.title;
  for (const part of PARTS) document.querySelector(part).replaceWith(page.querySelector(part));
  (document.querySelector("main [autofocus]") || document.querySelector("main")).focus();
  scrollTo(0, 0);
  for (const listener of listeners) listener();
}
