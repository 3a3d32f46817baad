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
const GAVE_UP = Symbol("gave up");

/** Nobody answered for too long; the page says so already. */
export class GaveUp extends Error {}

/**
 * @param {() => Promise<{status: number}>} ask Sends it; rejects with a TypeError or TimeoutError if there was no answer.
 * @returns the first answer that is one.
 */
export async function steadily(ask) {
  const since = Date.now();
  const asking = Symbol("asking");
  try {
    for (let pause = 200; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const { answer, words } = await outcome(ask);
      if (answer) {
        tell(GAVE_UP, null);
        return answer;
      }
      if (Date.now() - since > PATIENCE) {
        tell(GAVE_UP, `${words} Please try again later.`);
        throw new GaveUp(words);
      }
      tell(asking, `${words} Trying again …`);
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

/** Fetch something steadily, to its last byte, and show who answered. */
export async function steadyFetch(address, options) {
  const answer = await steadily(async () => {
    const response = await fetch(address, { ...options, signal: AbortSignal.timeout(TOO_LONG) });
    const { status, ok, url, headers } = response;
    return { status, ok, url, process: headers.get("X-Answered-By"), text: await response.text() };
  });
  if (answer.process) document.getElementById("process").textContent = answer.process;
  return answer;
}
