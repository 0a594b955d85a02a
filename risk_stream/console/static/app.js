// The console: asks who is here, shows the page of the address, and follows links, keys and what happens elsewhere.

import { ApiError, get } from "./lib/api.js";
import { go, here, place } from "./lib/address.js";
import { h, replace } from "./lib/dom.js";
import { setLang, t } from "./lib/i18n.js";
import { listen } from "./lib/keys.js";
import * as live from "./lib/live.js";
import { forget, may, meet, person } from "./lib/me.js";
import { failed, loading, say } from "./lib/parts.js";
import { kept } from "./lib/store.js";
import { frame, mark, shellKeys } from "./frame.js";
import { match } from "./pages.js";

let leave = null; // what the shown page wants done when it goes
let turn = 0; // counts pages, so that one that comes late shows nothing

async function start() {
  setLang(kept("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
  listen();
  shellKeys();
  document.addEventListener("click", follow);
  document.addEventListener("went", () => show());
  document.addEventListener("language", () => show());
  document.addEventListener("signed-out", (event) => signedOut(event.detail));
  addEventListener("popstate", () => show(true));
  live.on("state", (state) => {
    mark(state);
    if (state === "down" && person()) get("/v1/me").catch(() => null); // a session that has ended leads to signing in
  });
  history.scrollRestoration = "manual";
  match(location.pathname)?.load().catch(() => null); // fetched while it is asked who is here
  await meet();
  await show();
}

function signedOut(sentence) {
  forget();
  if (location.pathname !== "/signin") go(`/signin?to=${encodeURIComponent(here())}`, { replacing: true });
  if (sentence && sentence !== "sign in first") say(sentence);
}

async function show(back = false) {
  const mine = ++turn;
  leave?.();
  leave = null;
  const path = location.pathname.replace(/(.)\/+$/, "$1");
  const found = match(path);
  if (!person() && !found?.page.bare) {
    if (path !== "/signin") go(`/signin?to=${encodeURIComponent(here())}`, { replacing: true });
    return;
  }
  const main = frame(found);
  if (!found) return void replace(main, failed({ message: t("no_page", { path }) }));
  if (found.page.may && !may(found.page.may)) return void replace(main, failed({ message: t("may_not", { permission: found.page.may }) }));
  replace(main, loading());
  const root = h("div", { class: "page" });
  try {
    const module = await found.load();
    if (mine !== turn) return;
    document.title = `${module.title(found.params)} · risk-stream`;
    const showing = module.show(root, found.params, Object.fromEntries(new URLSearchParams(location.search)));
    const parts = () => mine === turn && !root.isConnected && root.childElementCount && replace(main, root);
    const slow = setInterval(parts, 100); // what is there of a page is shown before all of it is
    const done = await showing.finally(() => clearInterval(slow));
    if (mine !== turn) return void done?.();
    leave = done ?? null;
    if (!root.isConnected) replace(main, root);
  } catch (error) {
    if (mine !== turn) return;
    replace(main, failed(error, () => show()));
    if (error.status === 503) setTimeout(() => mine === turn && show(), 1500); // the logs are being read
    if (!(error instanceof ApiError)) console.error(error);
  }
  scrollTo(0, back ? place() : 0);
  announce();
}

// A new page is read out and is where the keyboard begins, as after loading a document.
function announce() {
  const heading = document.querySelector("main h1");
  if (!heading || document.activeElement?.matches("dialog *, main *")) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

// Links of this console are followed without loading it again.
function follow(event) {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link) {
    const row = event.target.closest?.("tr[data-row], li[data-row]");
    if (row && !event.target.closest("button, input, label, select") && !getSelection().toString()) row.querySelector("a.row-link")?.click();
    return;
  }
  if (link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (link.getAttribute("href").startsWith("#")) {
    event.preventDefault();
    document.querySelector(link.getAttribute("href"))?.focus();
    return;
  }
  if (link.pathname.startsWith("/v1/") || link.pathname.startsWith("/static/")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

start();
