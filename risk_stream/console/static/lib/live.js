// What the server tells by itself (server-sent events of /v1/stream): on("alerts", fn) -> off().
// One connection for all listeners, opened with the first and closed with the last. A connection that is silent for
// longer than two beats is taken for dead. "again" is told after a gap: what a page shows is then asked for anew.

const SILENCE = 40000; // ms; the server beats every 15 s
const FIRST_WAIT = 1000; // ms before trying again, doubled up to
const LONGEST_WAIT = 30000;

const listeners = new Map(); // name -> functions
let source = null;
let wait = FIRST_WAIT;
let retry = 0;
let watch = 0;
let gap = false;
let state = "off";

export function on(name, act) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(act);
  if (name !== "state") open();
  if (source && !KNOWN.has(name)) listen(source, name);
  return () => {
    listeners.get(name)?.delete(act);
    if (!wanted()) close();
  };
}

// "up", "down" (trying again) or "off" (nobody listens).
export function connection() {
  return state;
}

// Ends the connection, as when somebody signs out.
export function close() {
  clearTimeout(retry);
  clearTimeout(watch);
  source?.close();
  source = null;
  gap = false;
  tell("state", (state = "off"));
}

const KNOWN = new Set(["again", "state"]); // told here, not by the server

function wanted() {
  return [...listeners].some(([name, acts]) => name !== "state" && acts.size > 0);
}

function open() {
  if (source) return;
  clearTimeout(retry);
  source = new EventSource("/v1/stream");
  source.onopen = () => {
    wait = FIRST_WAIT;
    heard();
    tell("state", (state = "up"));
    if (gap) tell("again");
    gap = false;
  };
  source.onerror = lost;
  for (const name of ["beat", ...listeners.keys()]) if (!KNOWN.has(name)) listen(source, name);
}

function listen(to, name) {
  if (to[`risk-${name}`]) return;
  to[`risk-${name}`] = true;
  to.addEventListener(name, (event) => {
    if (to !== source) return;
    heard();
    tell(name, event.data ? JSON.parse(event.data) : null);
  });
}

function heard() {
  clearTimeout(watch);
  watch = setTimeout(lost, SILENCE);
}

function lost() {
  clearTimeout(watch);
  source?.close();
  source = null;
  gap = true;
  tell("state", (state = "down"));
  if (!wanted()) return;
  retry = setTimeout(open, wait * (0.75 + Math.random() / 2)); // not all consoles at once, after a restart
  wait = Math.min(wait * 2, LONGEST_WAIT);
}

function tell(name, data) {
  for (const act of [...(listeners.get(name) ?? [])]) act(data);
}
