// Keys: `keys({a: act, "g a": go})` -> off(). A key does nothing while somebody writes, or with Ctrl, Alt or Meta.
// Of two that register the same key the later one has it, until it is off.

const PAUSE = 1200; // ms in which the second key of two is expected

const tables = [];
let first = "";
let began = 0;

export function keys(table) {
  tables.push(table);
  return () => {
    const at = tables.indexOf(table);
    if (at >= 0) tables.splice(at, 1);
  };
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (writes(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const pair = event.timeStamp - began < PAUSE ? `${first} ${event.key}` : "";
    const act = (pair && find(pair)) || find(event.key);
    first = event.key;
    began = event.timeStamp;
    if (act && act(event) !== false) event.preventDefault();
  });
}

function find(name) {
  return tables.findLast((table) => Object.hasOwn(table, name))?.[name];
}

function writes(element) {
  if (!(element instanceof HTMLElement)) return false;
  if (element.isContentEditable || ["TEXTAREA", "SELECT"].includes(element.tagName)) return true;
  return element.tagName === "INPUT" && !["checkbox", "radio", "button", "submit"].includes(element.type);
}

// j and k: the next or the one before of the rows (`data-row`) on the page; Enter opens the link of the row.
export function moveRow(step) {
  const rows = [...document.querySelectorAll("main [data-row]")].filter((row) => row.offsetParent !== null);
  if (!rows.length) return false;
  const at = rows.indexOf(document.activeElement?.closest("[data-row]"));
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
  return true;
}

export function openRow(event) {
  const row = event.target;
  if (!row.matches?.("[data-row]")) return false;
  row.querySelector("a[href]")?.click();
  return true;
}
