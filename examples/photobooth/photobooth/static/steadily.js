/*
 * Asks until somebody answers. A process may be killed while it answers, and the store may be out for a moment: then
 * the person is told, and the same is asked again. Whatever is asked like this may be asked twice.
 */

const PATIENCE = 120_000;
const LONGEST_PAUSE = 2_000;
export const TOO_LONG = 20_000;
const ASK_AGAIN = {
  502: "No server is there to answer.",
  503: "The store does not answer.",
  504: "The store does not answer.",
};

const troubles = new Map();

export class GaveUp extends Error {}

/**
 * @param {() => Promise<{status: number}>} ask Sends it; rejects with a TypeError or TimeoutError if there was no answer.
 * @returns the first answer that is one.
 */
export async function steadily(ask) {
  const since = Date.now();
  const asking = Symbol();
  try {
    for (let pause = 200; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const trouble = await outcome(ask);
      if (trouble.answer) return trouble.answer;
      if (Date.now() - since > PATIENCE) throw new GaveUp(`${trouble.words} Please try again later.`);
      tell(asking, `${trouble.words} Trying again …`);
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
    }
  } finally {
    tell(asking, null);
  }
}

async function outcome(ask) {
  try {
    const answer = await ask();
    const words = ASK_AGAIN[answer.status];
    return words ? { words } : { answer };
  } catch (error) {
    if (error.name === "TimeoutError") return { words: "There is no answer." };
    if (error instanceof TypeError) return { words: "The server went away." };
    throw error;
  }
}

function tell(asking, words) {
  if (words) troubles.set(asking, words);
  else troubles.delete(asking);
  const place = document.getElementById("trouble");
  const [first] = troubles.values();
  place.hidden = !first;
  if (first && place.textContent !== first) place.textContent = first;
}

/** Fetch something steadily, and show who answered. */
export async function steadyFetch(url, options) {
  const response = await steadily(() => fetch(url, { ...options, signal: AbortSignal.timeout(TOO_LONG) }));
  const process = response.headers.get("X-Answered-By");
  if (process) document.getElementById("process").textContent = process;
  return response;
}
