/* Uploads: a ticket from the application, the photograph straight to the store, and a confirmation. */

import { GaveUp, TOO_LONG, steadily, steadyFetch } from "./steadily.js";
import { lookAtPrints } from "./prints.js";

const AT_ONCE = 3;
const TICKETS = 4; // one that was spoilt, by a process that died at the wrong moment, is replaced by another

const queue = [];
let sending = 0;

class Refused extends Error {
  constructor(words, status) {
    super(words);
    this.status = status;
  }
}

/** Let photographs be chosen, and dropped. */
export function offerUploads() {
  const form = document.getElementById("upload");
  if (!form) return;
  form.hidden = false;
  const input = form.querySelector("input");
  input.addEventListener("change", () => {
    for (const file of input.files) add(file, form.dataset);
    form.reset();
  });
  for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.toggle("over", over);
    });
  }
  form.addEventListener("drop", (event) => {
    for (const file of event.dataTransfer.files) add(file, form.dataset);
  });
}

function add(file, limits) {
  queue.push([file, limits, line(file)]);
  next();
}

async function next() {
  if (sending >= AT_ONCE || !queue.length) return;
  sending += 1;
  const [file, limits, item] = queue.shift();
  try {
    item.kept(await send(file, limits, item));
    lookAtPrints();
  } catch (error) {
    item.refused(reason(error));
  } finally {
    sending -= 1;
    next();
  }
}

function reason(error) {
  if (error instanceof Refused) return error.message;
  if (error instanceof GaveUp) return "Nobody answered, so it may be kept or not: look at the gallery before you send it again.";
  console.error(error);
  return "Not taken: something is wrong with this page.";
}

async function send(file, limits, item) {
  check(file, limits);
  for (let ticket = 1; ; ticket += 1) {
    try {
      return await sendOnce(file, item);
    } catch (error) {
      if (!(error instanceof Refused && [404, 409].includes(error.status)) || ticket === TICKETS) throw error;
    }
  }
}

async function sendOnce(file, item) {
  const title = file.name.replace(/\.[^.]*$/, "");
  const ticket = await ask("/uploads", { title, type: file.type, size: file.size });
  const answer = await steadily(() => post(ticket, file, item));
  if (answer.status >= 300) throw new Refused(explain(answer, file), answer.status);
  item.say("looking at it …");
  return ask("/uploads/confirm", { ticket: ticket.ticket });
}

/** The check is for the person; the signature is for everybody else. */
function check(file, { largest, types }) {
  if (!types.split(",").includes(file.type)) throw new Refused("Not taken: this is no JPEG, PNG or WebP picture.");
  if (file.size > Number(largest)) throw new Refused(`Not taken: it has ${megabytes(file.size)}, and ${megabytes(largest)} is the most.`);
  if (file.size === 0) throw new Refused("Not taken: the file is empty.");
}

async function ask(url, question) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const { ok, status, text } = await steadyFetch(url, { method: "POST", headers, body: JSON.stringify(question) });
  const answer = JSON.parse(text);
  if (!ok) throw new Refused(answer.words ?? `Not taken (${status}).`, status);
  return answer;
}

/** fetch does not tell how far an upload is; XMLHttpRequest does. */
function post({ url, fields }, file, item) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    const giveUp = () => {
      reject(new DOMException("nothing moves", "TimeoutError"));
      request.abort();
    };
    let patience = setTimeout(giveUp, TOO_LONG);
    request.upload.onprogress = (event) => {
      clearTimeout(patience);
      patience = setTimeout(giveUp, TOO_LONG);
      item.progress(event.loaded / event.total);
    };
    request.onload = () => resolve({ status: request.status, text: request.responseText });
    request.onerror = () => reject(new TypeError("no answer"));
    request.onloadend = () => clearTimeout(patience);
    request.send(form);
  });
}

/* What a store answers is a small XML document, whichever store it is. */
function explain({ status, text }, file) {
  const code = /<Code>(.*?)<\/Code>/.exec(text)?.[1];
  if (code === "EntityTooLarge") return `Not taken: ${megabytes(file.size)} is too much.`;
  if (code === "AccessDenied") return "Not taken: it took too long to begin. Choose it again.";
  return `Not taken: the store refused it (${code ?? status}).`;
}

const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

/** The line that tells of one upload. */
function line(file) {
  const item = document.createElement("li");
  const [name, state, bar] = ["b", "span", "progress"].map((kind) => document.createElement(kind));
  name.textContent = file.name;
  state.textContent = "waiting …";
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `How much of ${file.name} is sent`);
  item.dataset.state = "sending";
  item.append(name, state, bar);
  document.getElementById("uploads").prepend(item);
  const finish = (outcome, words) => {
    item.dataset.state = outcome;
    state.textContent = words;
    bar.remove();
    announce(`${file.name}: ${words}`);
  };
  return {
    say: (words) => { state.textContent = words; },
    progress: (part) => {
      bar.value = part;
      state.textContent = `${Math.round(part * 100)} %`;
    },
    kept: ({ key, number, uploads }) => {
      Object.assign(item.dataset, { key, number });
      const count = document.getElementById("count");
      if (count) count.textContent = Math.max(uploads, Number(count.textContent));
      finish("kept", "kept");
    },
    refused: (words) => finish("refused", words),
  };
}

function announce(words) {
  const place = document.getElementById("said");
  if (place) place.textContent = words;
}
