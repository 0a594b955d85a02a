// Before anything is drawn: the theme this browser was told to show, else that of the machine.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("risk.theme");
  } catch {
    // storage is off: the machine's theme it is
  }
  theme ??= matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
})();
