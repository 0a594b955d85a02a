// The console's frame: who is here, which page is shown, the ways to the others, language, theme and keys.

import { ApiError, get, send, setCsrf } from "./lib/api.js";
import { h, replace, s } from "./lib/dom.js";
import { LANGUAGES, lang, setLang, setZone, t } from "./lib/i18n.js";
import { keys, listen, moveRow, openRow } from "./lib/keys.js";
import * as live from "./lib/live.js";
import { dialog, failed, loading, say } from "./lib/parts.js";
import "./words/shell.js";

// [path, its module, {nav: words of its link, key: g and this, may: the permission it takes}]
const PAGES = [
  ["/", () => import("./pages/overview.js"), { nav: "nav.overview", key: "o", may: "see" }],
  ["/alerts", () => import("./pages/alerts.js"), { nav: "nav.alerts", key: "a", may: "see" }],
  ["/alerts/:id", () => import("./pages/alert.js"), { may: "see" }],
  ["/cases", () => import("./pages/cases.js"), { nav: "nav.cases", key: "c", may: "see" }],
  ["/cases/:id", () => import("./pages/case.js"), { may: "see" }],
  ["/customers", () => import("./pages/customers.js"), { nav: "nav.customers", key: "u", may: "see" }],
  ["/customers/:key", () => import("./pages/customer.js"), { may: "see" }],
  ["/loans/:key", () => import("./pages/loan.js"), { may: "see" }],
  ["/rules", () => import("./pages/rules.js"), { nav: "nav.rules", key: "r", may: "see" }],
  ["/rules/:id", () => import("./pages/rule.js"), { may: "see" }],
  ["/models", () => import("./pages/models.js"), { nav: "nav.models", key: "m", may: "see" }],
  ["/models/:name", () => import("./pages/model.js"), { may: "see" }],
  ["/quality", () => import("./pages/quality.js"), { nav: "nav.quality", key: "q", may: "see" }],
  ["/silences", () => import("./pages/silences.js"), { nav: "nav.silences", key: "s", may: "see" }],
  ["/audit", () => import("./pages/audit.js"), { nav: "nav.audit", key: "t", may: "audit" }],
  ["/views", () => import("./pages/views.js"), { nav: "nav.views", key: "v", may: "compose" }],
  ["/views/:id", () => import("./pages/view.js"), { may: "compose" }],
  ["/signin", () => import("./pages/signin.js"), { bare: true }],
];

const store = {
  get: (name) => {
    try {
      return localStorage.getItem(`risk.${name}`);
    } catch {
      return null; // storage is off: what is chosen lasts as long as the page
    }
  },
  set: (name, value) => {
    try {
      localStorage.setItem(`risk.${name}`, value);
    } catch {
      // as above
    }
  },
};

let me = null;
let leave = null; // what the shown page wants done when it goes
let turn = 0; // counts pages, so that one that comes late shows nothing
const scrolled = new Map(); // address -> how far it was scrolled, of the last fifty

// Who is here, as /v1/me says: {name, shown, roles, may, entities, people, ...}.
export function person() {
  return me;
}

export function may(permission) {
  return me?.may?.includes(permission) ?? false;
}

// Goes to a page: go("/alerts?severity=high"). `replacing`: the way back leads past the page of now.
export function go(path, { replacing = false } = {}) {
  keepPlace();
  history[replacing ? "replaceState" : "pushState"]({}, "", path);
  show();
}

// Writes what a page shows into its address, so that it can be kept and sent, without showing the page anew.
export function address(path) {
  history.replaceState(history.state, "", path);
}

async function start() {
  setLang(store.get("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
  listen();
  keys({ "?": help, "/": focusSearch, j: () => moveRow(1), k: () => moveRow(-1), Enter: openRow });
  keys(Object.fromEntries(PAGES.filter(([, , page]) => page.key).map(([path, , page]) => [`g ${page.key}`, () => go(path)])));
  document.addEventListener("click", follow);
  document.addEventListener("signed-out", (event) => signedOut(event.detail));
  addEventListener("popstate", () => show(true));
  live.on("state", (state) => {
    mark(state);
    if (state === "down" && me) get("/v1/me").catch(() => null); // a session that has ended leads to signing in
  });
  history.scrollRestoration = "manual";
  match(location.pathname)?.load().catch(() => null); // fetched while it is asked who is here
  await meet();
  await show();
}

// Asks who is here; nobody is, where the server says so.
async function meet() {
  try {
    me = await get("/v1/me");
    setCsrf(me.csrf);
    setZone(me.zone);
    if (!store.get("language") && me.language) setLang(me.language);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    me = null;
    if (error.status !== 401) say(error.sentence || t("no_answer"), "bad");
  }
}

function signedOut(sentence) {
  live.close();
  me = null;
  const here = location.pathname + location.search;
  if (location.pathname !== "/signin") go(`/signin?to=${encodeURIComponent(here)}`, { replacing: true });
  if (sentence && sentence !== "sign in first") say(sentence);
}

// After signing in: who it is, and the page that was wanted.
export async function signedIn(to) {
  await meet();
  go(/^\/(?!\/)/.test(to ?? "") ? to : "/", { replacing: true });
}

async function signOut() {
  await send("DELETE", "/v1/session").catch(() => null);
  live.close();
  me = null;
  go("/signin", { replacing: true });
}

function match(path) {
  const asked = path.split("/");
  for (const [pattern, load, page] of PAGES) {
    const parts = pattern.split("/");
    if (parts.length !== asked.length) continue;
    const params = {};
    const fits = parts.every((part, at) => {
      if (!part.startsWith(":")) return part === asked[at];
      params[part.slice(1)] = decoded(asked[at]);
      return asked[at] !== "";
    });
    if (fits) return { pattern, load, page, params };
  }
  return null;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function show(back = false) {
  const mine = ++turn;
  leave?.();
  leave = null;
  const path = location.pathname.replace(/(.)\/+$/, "$1");
  const found = match(path);
  if (!me && !found?.page.bare) {
    if (path !== "/signin") go(`/signin?to=${encodeURIComponent(location.pathname + location.search)}`, { replacing: true });
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
  scrollTo(0, (back && scrolled.get(location.pathname + location.search)) || 0);
  announce();
}

// A new page is read out and is where the keyboard begins, as after loading a document.
function announce() {
  const heading = document.querySelector("main h1");
  if (!heading || document.activeElement?.matches("dialog *, main *")) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function keepPlace() {
  const here = location.pathname + location.search;
  scrolled.delete(here);
  scrolled.set(here, scrollY);
  if (scrolled.size > 50) scrolled.delete(scrolled.keys().next().value);
}

// The frame around a page, made anew where who is here or the language has changed, else kept.
function frame(found) {
  const app = document.getElementById("app");
  const bare = !me;
  const sign = `${lang()} ${me?.name ?? ""} ${bare}`;
  if (app.dataset.sign !== sign) {
    app.dataset.sign = sign;
    replace(app, h("a", { class: "skip", href: "#main" }, t("skip")), topBar(), bare ? null : navigation(), h("main", { id: "main", tabindex: "-1" }));
    app.className = bare ? "bare" : "";
    mark(live.connection());
  }
  for (const link of app.querySelectorAll("nav.pages a")) {
    const href = link.getAttribute("href");
    const here = found && (href === "/" ? found.pattern === "/" : found.pattern === href || found.pattern.startsWith(`${href}/`));
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  app.classList.remove("nav-open");
  app.querySelector(".menu")?.setAttribute("aria-expanded", "false");
  return document.getElementById("main");
}

function topBar() {
  const menu = h("button", { type: "button", class: "quiet menu", "aria-label": t("menu"), "aria-expanded": "false", "aria-controls": "pages", on: { click: toggleMenu } }, lines());
  const brand = h("a", { class: "brand", href: "/" }, "risk-stream");
  const state = h("span", { class: "connection", id: "connection", role: "status" });
  const others = LANGUAGES.filter((name) => name !== lang());
  const language = others.map((name) => h("button", { type: "button", class: "quiet", lang: name, on: { click: () => speak(name) } }, LANGUAGE_NAMES[name]));
  const theme = h("button", { type: "button", class: "quiet", "aria-label": t("theme"), title: t("theme"), on: { click: switchTheme } }, half());
  const keysButton = h("button", { type: "button", class: "quiet hint", "aria-label": t("keys.title"), title: t("keys.title"), on: { click: help } }, "?");
  const who = me && h("span", { class: "who" }, me.shown);
  const out = me?.csrf && h("button", { type: "button", class: "quiet", on: { click: signOut } }, t("sign_out"));
  const other = me && !me.csrf && h("a", { class: "quiet", href: "/signin" }, t("sign_in"));
  return h("header", { class: "top" }, me && menu, brand, me && searchForm(), h("div", { class: "tools" }, me && state, language, theme, me && keysButton, who, out, other));
}

const LANGUAGE_NAMES = { en: "English", zh: "中文" };

function searchForm() {
  const submit = (event) => {
    event.preventDefault();
    const word = new FormData(event.target).get("q").trim();
    go(`/alerts${word ? `?standing=any&q=${encodeURIComponent(word)}` : ""}`); // closed ones are looked for too
  };
  const input = h("input", { type: "search", name: "q", id: "search", placeholder: t("search"), "aria-label": t("search"), autocomplete: "off", maxlength: "200" });
  return h("form", { role: "search", class: "search", on: { submit } }, input, h("kbd", { "aria-hidden": "true" }, "/"));
}

function navigation() {
  const links = PAGES.filter(([, , page]) => page.nav && (!page.may || may(page.may)));
  return h("nav", { class: "pages", id: "pages", "aria-label": t("nav.label") }, h("ul", {}, links.map(([path, , page]) => h("li", {}, h("a", { href: path }, t(page.nav))))));
}

function lines() {
  return s("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, s("path", { d: "M1 3h14M1 8h14M1 13h14", stroke: "currentColor", "stroke-width": 2 }));
}

function half() {
  return s("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, s("circle", { cx: 8, cy: 8, r: 6.5, fill: "none", stroke: "currentColor", "stroke-width": 1.5 }), s("path", { d: "M8 1.5a6.5 6.5 0 0 1 0 13z", fill: "currentColor" }));
}

function toggleMenu(event) {
  const open = document.getElementById("app").classList.toggle("nav-open");
  event.currentTarget.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector("nav.pages a")?.focus();
}

function switchTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  store.set("theme", next);
  document.dispatchEvent(new CustomEvent("theme"));
}

function speak(name) {
  setLang(name);
  store.set("language", name);
  show();
}

function mark(state) {
  const place = document.getElementById("connection");
  if (!place) return;
  place.className = `connection ${state}`;
  place.textContent = state === "off" ? "" : t(`connection.${state}`);
}

function focusSearch() {
  const field = document.querySelector("[data-search]") ?? document.getElementById("search");
  if (!field) return false;
  field.focus();
  field.select?.();
  return true;
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

function help() {
  const places = PAGES.filter(([, , page]) => page.key && may(page.may)).map(([, , page]) => [["g", page.key], t(page.nav)]);
  const acts = [
    [["/"], t("keys.search")],
    [["j"], t("keys.next")],
    [["k"], t("keys.before")],
    [["Enter"], t("keys.open")],
    [["x"], t("keys.choose")],
    [["a"], t("keys.acknowledge")],
    [["c"], t("keys.close")],
    [["?"], t("keys.this")],
  ];
  const rows = (pairs) => h("dl", { class: "keys" }, pairs.map(([names, words]) => h("div", {}, h("dt", {}, names.map((name) => h("kbd", {}, name))), h("dd", {}, words))));
  dialog({ title: t("keys.title"), body: h("div", { class: "halves" }, rows(acts), rows(places)), actions: [], no: t("done") });
}

start();
