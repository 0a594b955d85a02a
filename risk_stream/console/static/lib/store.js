// What this browser remembers of a choice, where it may remember: the language, the theme.

export function kept(name) {
  try {
    return localStorage.getItem(`risk.${name}`);
  } catch {
    return null; // storage is off: what is chosen lasts as long as the page
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`risk.${name}`, value);
  } catch {
    // as above
  }
}
