/*
 * Asks until somebody answers. A process may be killed while it answers, and the store may be out for a moment: then
 * the person is told, and the same is asked again. Whatever is asked like this may be asked twice.
 */

const PATIENCE = 120_000;
const LONGEST_PAUSE = 2_000;
const ASK_AGAIN = new Set([502, 503, 504]);

const troubles = new Map();

export class GaveUp extends Error {}

/**
 * @param {() => Promise<{status: number}>} ask Sends it; rejects with a TypeError if there was no answer.
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
    return ASK_AGAIN.has(answer.status) ? { words: "The store does not answer." } : { answer };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { words: "The process that was asked is gone." };
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
  const response = await steadily(() => fetch(url, options));
  const process = response.headers.get("X-Answered-By");
  if (process) document.getElementById("process").textContent = process;
  return response;
}
