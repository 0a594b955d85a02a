// Asks the console's API. Writes carry the session's CSRF value and a key, by which the same write sent twice is one.

const PATIENCE = 20000; // ms: what has not answered by then is said to be gone

const AWAY = 60000; // ms without a key or a touch: what pages ask by themselves from then on keeps no session alive

let csrf = "";
let touched = performance.now();
for (const kind of ["pointerdown", "pointermove", "wheel", "keydown"]) {
  addEventListener(kind, () => (touched = performance.now()), { capture: true, passive: true });
}

export class ApiError extends Error {
  constructor(status, sentence, body) {
    super(sentence);
    this.name = "ApiError";
    this.status = status; // 0: there was no answer
    this.sentence = sentence;
    this.body = body; // the whole answer, where it was JSON
  }
}

// The value that writes of this session carry: `csrf` of /v1/me.
export function setCsrf(value) {
  csrf = value ?? "";
}

// get("/v1/alerts", {severity: ["high", "critical"], q: "wash"}, {signal}) -> what it answers.
// Lists become "a,b"; what is empty is left out.
export function get(path, params, { signal } = {}) {
  return ask("GET", path + query(params), { signal });
}

// send("POST", "/v1/acts", {...}) -> what it answers. `key`: the same for the same wish, so that a retry is not a second.
export function send(method, path, body, { key = newKey() } = {}) {
  const headers = { "Idempotency-Key": key };
  if (csrf) headers["X-Risk-Csrf"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return ask(method, path, { headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

// A key that nobody else has: 32 hexadecimal digits.
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// "?a=1&b=2,3", or "" where nothing is asked.
export function query(params) {
  const made = new URLSearchParams();
  for (const [name, value] of Object.entries(params ?? {})) {
    const word = Array.isArray(value) ? value.join(",") : value;
    if (word !== null && word !== undefined && word !== "" && word !== false) made.set(name, word);
  }
  const text = made.toString();
  return text ? `?${text}` : "";
}

async function ask(method, path, { headers, body, signal }) {
  const patience = AbortSignal.timeout(PATIENCE);
  const either = signal && AbortSignal.any ? AbortSignal.any([signal, patience]) : (signal ?? patience);
  const asked = performance.now() - touched > AWAY ? { ...headers, "X-Risk-Background": "1" } : headers;
  let response;
  try {
    response = await fetch(path, { method, headers: asked, body, signal: either, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted) throw error; // who asked has gone elsewhere
    throw new ApiError(0, "", null);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  if (response.status === 401) document.dispatchEvent(new CustomEvent("signed-out", { detail: answer?.error }));
  const refused = answer?.rulings?.find((ruling) => !ruling.done)?.why; // what the desk said of an act
  throw new ApiError(response.status, answer?.error ?? refused ?? "", answer);
}
