// What stands around every page: who is here, the ways to the pages, the search, language, theme and keys.

import { send } from "./lib/api.js";
import { go } from "./lib/address.js";
import { h, replace, s } from "./lib/dom.js";
import { LANGUAGES, lang, setLang, t } from "./lib/i18n.js";
import { keys, moveRow, openRow } from "./lib/keys.js";
import * as live from "./lib/live.js";
import { forget, may, person } from "./lib/me.js";
import { dialog } from "./lib/parts.js";
import { keep } from "./lib/store.js";
import { PAGES } from "./pages.js";
import "./words/shell.js";

// The keys that every page has.
export function shellKeys() {
  keys({ "?": help, "/": focusSearch, j: () => moveRow(1), k: () => moveRow(-1), Enter: openRow });
  keys(Object.fromEntries(PAGES.filter(([, , page]) => page.key).map(([path, , page]) => [`g ${page.key}`, () => go(path)])));
}

// The place of a page, in a frame made anew where who is here or the language has changed, else kept.
export function frame(found) {
  const app = document.getElementById("app");
  const me = person();
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
  const me = person();
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
  keep("theme", next);
  document.dispatchEvent(new CustomEvent("theme"));
}

function speak(name) {
  setLang(name);
  keep("language", name);
  document.dispatchEvent(new CustomEvent("language"));
}

async function signOut() {
  await send("DELETE", "/v1/session").catch(() => null);
  forget();
  go("/signin", { replacing: true });
}

// Whether what is told by itself arrives.
export function mark(state) {
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
