// The address of the page that is shown, and the way to another: "went" on the document tells that it is to be shown.

const MOST = 50; // addresses of which is kept how far they were scrolled

const scrolled = new Map();

// Goes to a page: go("/alerts?severity=high"). `replacing`: the way back leads past the page of now.
export function go(path, { replacing = false } = {}) {
  keepPlace();
  history[replacing ? "replaceState" : "pushState"]({}, "", path);
  document.dispatchEvent(new CustomEvent("went"));
}

// Writes what a page shows into its address, so that it can be kept and sent, without showing the page anew.
export function address(path) {
  history.replaceState(history.state, "", path);
}

export function here() {
  return location.pathname + location.search;
}

// How far the page was scrolled when somebody went from it to another.
export function place() {
  return scrolled.get(here()) ?? 0;
}

function keepPlace() {
  scrolled.delete(here());
  scrolled.set(here(), scrollY);
  if (scrolled.size > MOST) scrolled.delete(scrolled.keys().next().value);
}
