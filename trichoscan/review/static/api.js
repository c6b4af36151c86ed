// Asking the server. A refusal is thrown with what it said; a conflict also tells who was faster.

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `the server answered ${status}`);
    this.status = status;
    this.last = answer.last ?? null;
  }
}

async function answered(promise) {
  let response;
  try {
    response = await promise;
  } catch {
    throw new Refused(0, { error: "the server does not answer: start 'trichoscan review' again; nothing is lost" });
  }
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    // An answer that is no JSON is told by its status alone.
  }
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export const ask = (address) => answered(fetch(address, { credentials: "same-origin" }));

export const tell = (address, body) =>
  answered(
    fetch(address, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
