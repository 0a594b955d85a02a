// One view: its cards, kept up to date; and with ?edit=1 the form in which it is composed.

import { address, go } from "../lib/address.js";
import { get, query, send } from "../lib/api.js";
import { alertBriefs, briefs } from "../lib/brief.js";
import { bars, stacked } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { named, number, t, when } from "../lib/i18n.js";
import * as live from "../lib/live.js";
import { person } from "../lib/me.js";
import { button, card, choice, confirm, empty, facts, failed, field, head, say, since } from "../lib/parts.js";
import { titleOf } from "./views.js";
import "../words/views.js";

const WORST_FIRST = ["critical", "high", "medium", "low", "info"];
const STAGES = ["pre_loan", "mid_loan", "post_loan", "trading"];
const KINDS = ["counts", "queue", "hours", "cases", "stream"];
const BY = ["severity", "stage", "entity", "rule"];
const STEP = 2000; // ms between two drawings of the same card
const HOURS = 48;
const MOST_CARDS = 12;

export function title(params) {
  return `${t("nav.views")}: ${params.id}`;
}

export async function show(root, params, given) {
  const fresh = params.id === "new";
  const view = fresh ? { id: "", title: "", cards: [blank("counts"), blank("queue")], own: false } : await get(`/v1/views/${encodeURIComponent(params.id)}`);
  if (given.edit || fresh) return void compose(root, view, fresh);
  return look(root, view);
}

function look(root, view) {
  const places = view.cards.map((one) => ({ one, place: h("div", { class: one.wide && "wide" }), at: 0, timer: 0 }));
  const edit = h("a", { class: "button", href: `/views/${encodeURIComponent(view.id)}?edit=1` }, t("views.edit"));
  const remove = view.own && button(t("views.remove"), () => gone(view), { tone: "quiet" });
  replace(root, head(titleOf(view), null, edit, remove), h("div", { class: "cards two" }, places.map(({ place }) => place)));
  const draw = async (spot) => {
    spot.at = Date.now();
    try {
      replace(spot.place, await made(spot.one));
    } catch (error) {
      replace(spot.place, card(nameOf(spot.one), failed(error, () => draw(spot))));
    }
  };
  const soon = (spot) => {
    clearTimeout(spot.timer);
    if (spot.place.contains(document.activeElement)) return; // who is at work on a card keeps it as it is
    spot.timer = setTimeout(() => draw(spot), Math.max(0, spot.at + STEP - Date.now()));
  };
  const all = () => places.forEach(soon);
  const offs = [live.on("alerts", all), live.on("overview", all), live.on("again", all)];
  return Promise.all(places.map(draw)).then(() => () => {
    offs.forEach((off) => off());
    places.forEach((spot) => clearTimeout(spot.timer));
  });
}

async function gone(view) {
  if (!(await confirm(t("views.remove"), t("views.remove_ask", { title: titleOf(view) }), t("views.remove"), "danger"))) return;
  try {
    await send("DELETE", `/v1/views/${encodeURIComponent(view.id)}`);
    say(t("views.removed"));
    go("/views");
  } catch (error) {
    say(error.sentence || t("no_answer"), "bad");
  }
}

function nameOf(one) {
  return one.title ? titleOf(one) : one.kind === "counts" ? `${t("card.counts")}: ${named("by", one.by)}` : t(`card.${one.kind}`);
}

// A card's filters as /v1/alerts takes them; "me" is whoever looks.
function asked(one) {
  const filters = Object.fromEntries(Object.entries(one.filters).map(([name, values]) => [name, values.map((value) => (name === "assignee" && value === "me" ? person().name : value)).join(",")]));
  return filters;
}

function made(one) {
  return { counts, queue, hours, cases, stream }[one.kind](one);
}

async function counts(one) {
  const filters = asked(one);
  const found = await get("/v1/counts", { by: one.by, ...filters });
  const sum = (row) => Object.values(row.severities).reduce((all, n) => all + n, 0);
  const name = (row) => (one.by === "rule" || one.by === "entity" ? row.value || "–" : named(one.by, row.value));
  const tone = (row) => (row.severities.critical || row.severities.high ? "bad" : row.severities.medium ? "warn" : "");
  const rows = found.items.slice(0, 12).map((row) => ({ label: name(row), value: sum(row), tone: tone(row), href: queueAt(filters, { [one.by]: row.value }) }));
  return card(nameOf(one), { actions: h("a", { href: queueAt(filters) }, t("views.all", { n: found.alerts })) }, rows.length ? bars(rows, { label: nameOf(one) }) : empty(t("views.none_found")));
}

function queueAt(filters, more = {}) {
  return `/alerts${query({ ...filters, standing: filters.standing || "any", ...more })}`;
}

async function queue(one) {
  const filters = asked(one);
  const found = await get("/v1/alerts", { ...filters, sort: "-severity", limit: one.rows });
  const list = alertBriefs(found.items, t("views.none_found"));
  return card(nameOf(one), { actions: h("a", { href: queueAt(filters) }, t("views.all", { n: found.total })) }, list);
}

async function hours(one) {
  const found = await get("/v1/hours", { hours: HOURS, ...asked(one) });
  const sum = (hour) => Object.values(hour.severities).reduce((all, n) => all + n, 0);
  const rows = found.items.map((hour) => ({
    parts: WORST_FIRST.map((severity) => [severity, hour.severities[severity] ?? 0]),
    title: `${when(hour.from, { seconds: false })}: ${number(sum(hour))}`,
  }));
  const words = t("views.hours", { n: found.items.reduce((all, hour) => all + sum(hour), 0) });
  return card(nameOf(one), h("p", { class: "muted" }, words), stacked(rows, { label: words }));
}

async function cases(one) {
  const found = await get("/v1/cases", { limit: one.rows });
  const below = (row) => `${named("kind", row.kind)} ${row.key} · ${t("views.alerts", { n: row.open })}`;
  const list = briefs(found.items, { href: (row) => `/cases/${encodeURIComponent(row.id)}`, below, nothing: t("views.none_found") });
  return card(nameOf(one), { actions: h("a", { href: "/cases" }, t("views.all", { n: found.total })) }, list);
}

async function stream(one) {
  const found = await get("/v1/overview");
  return card(
    nameOf(one),
    { actions: h("a", { href: "/quality" }, t("nav.quality")) },
    facts([
      ...(found.stream ?? []).map((part) => [part.name, part.says]),
      [t("views.newest"), found.newest ? since(found.newest) : t("views.never")],
      [t("views.decided"), found.desk?.last ? since(found.desk.last) : t("views.never")],
      [t("views.entries"), number(found.desk?.entries ?? 0)],
      [t("views.silences"), h("a", { href: "/silences" }, number(found.silences))],
    ]),
  );
}

function blank(kind) {
  return { kind, title: "", by: "severity", filters: ["counts", "queue"].includes(kind) ? { standing: ["open", "acknowledged"] } : {}, rows: 8, wide: kind === "hours" };
}

// The form: a title, and each card with what it shows; cards are moved with buttons, so that the keyboard does it too.
function compose(root, view, fresh) {
  const cards = view.cards.map((one) => ({ ...one, title: one.title ? titleOf(one) : "", filters: { ...one.filters } }));
  const list = h("ol", { class: "composed plain" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const name = h("input", { name: "title", required: true, maxlength: "80", value: view.title ? titleOf(view) : "", autocomplete: "off" });
  const draw = (focus) => {
    replace(list, cards.length ? cards.map((one, at) => editor(one, at, cards, draw)) : h("li", {}, empty(t("views.nothing"))));
    if (focus) list.querySelectorAll("li.card")[focus.at]?.querySelector(focus.what)?.focus();
  };
  const add = choice("add", [["", t("views.add")], ...KINDS.map((kind) => [kind, t(`card.${kind}`)])], "", (kind) => {
    if (kind && cards.length < MOST_CARDS) cards.push(blank(kind));
    add.value = "";
    draw({ at: cards.length - 1, what: "input" });
  });
  add.setAttribute("aria-label", t("views.add"));
  const keep = async (event) => {
    event.preventDefault();
    const words = name.value.trim();
    const id = view.id || slug(words);
    try {
      await send("PUT", `/v1/views/${encodeURIComponent(id)}`, { title: words, cards });
      say(t("views.kept"));
      go(`/views/${encodeURIComponent(id)}`);
    } catch (error) {
      wrong.textContent = error.sentence || t("no_answer");
    }
  };
  draw();
  replace(
    root,
    head(fresh ? t("views.new") : t("views.edit"), null),
    h(
      "form",
      { class: "compose", on: { submit: keep } },
      field(t("views.title"), name),
      list,
      h("div", { class: "bar-row" }, add),
      wrong,
      h("div", { class: "bar-row" }, h("button", { type: "submit", class: "primary" }, t("views.keep")), h("a", { class: "button", href: fresh ? "/views" : `/views/${encodeURIComponent(view.id)}` }, t("cancel"))),
    ),
  );
  if (!fresh) address(`/views/${encodeURIComponent(view.id)}?edit=1`);
}

function editor(one, at, cards, draw) {
  const move = (step) => {
    [cards[at], cards[at + step]] = [cards[at + step], cards[at]];
    draw({ at: at + step, what: step < 0 ? "[data-up]" : "[data-down]" });
  };
  const set = (key) => (value) => {
    one[key] = value;
    draw({ at, what: `[name="${key}"]` });
  };
  const text = (key, value, more = {}) => h("input", { name: key, value, autocomplete: "off", ...more, on: { change: (event) => (one[key] = more.type === "number" ? Math.min(50, Math.max(1, Number(event.target.value) || 8)) : event.target.value.trim()) } });
  const filtered = ["counts", "queue", "hours"].includes(one.kind);
  return h(
    "li",
    { class: "card" },
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, nameOf(one)),
      h(
        "div",
        { class: "card-actions" },
        button("↑", () => move(-1), { tone: "quiet", disabled: at === 0, "aria-label": t("views.up"), "data-up": true }),
        button("↓", () => move(1), { tone: "quiet", disabled: at === cards.length - 1, "aria-label": t("views.down"), "data-down": true }),
        button(t("views.take_out"), () => (cards.splice(at, 1), draw({ at: Math.max(0, at - 1), what: "button" })), { tone: "quiet" }),
      ),
    ),
    h(
      "div",
      { class: "fields" },
      field(t("views.kind"), choice("kind", KINDS.map((kind) => [kind, t(`card.${kind}`)]), one.kind, set("kind"))),
      one.kind === "counts" && field(t("views.by"), choice("by", BY.map((by) => [by, t(`by.${by}`)]), one.by, set("by"))),
      field(t("views.card_title"), text("title", one.title, { maxlength: "80" })),
      ["queue", "cases"].includes(one.kind) && field(t("views.rows"), text("rows", String(one.rows), { type: "number", min: "1", max: "50" })),
      filtered && filters(one),
    ),
    h("label", { class: "check" }, h("input", { type: "checkbox", checked: one.wide, on: { change: (event) => (one.wide = event.target.checked) } }), h("span", {}, t("views.wide"))),
  );
}

function filters(one) {
  const put = (name, values) => {
    if (values.length) one.filters[name] = values;
    else delete one.filters[name];
  };
  const has = (name, value) => (one.filters[name] ?? []).includes(value);
  const flip = (name, value) => (event) => put(name, event.target.checked ? [...(one.filters[name] ?? []), value] : one.filters[name].filter((was) => was !== value));
  const checks = (name, values, group) => h("fieldset", { class: "checks" }, h("legend", {}, t(`views.${group}`)), values.map((value) => h("label", { class: "check" }, h("input", { type: "checkbox", checked: has(name, value), on: { change: flip(name, value) } }), h("span", {}, named(name, value)))));
  const standings = [["", t("views.any")], ["open,acknowledged", t("views.not_closed")], ...["open", "acknowledged", "closed"].map((name) => [name, named("standing", name)])];
  const whose = [["", t("views.anybody")], ["me", t("views.mine")], ["nobody", t("views.nobody")]];
  const words = (value) => value.split(",").map((word) => word.trim()).filter(Boolean);
  return [
    field(t("views.standing"), choice("standing", standings, (one.filters.standing ?? []).join(","), (value) => put("standing", words(value)))),
    field(t("views.who"), choice("assignee", whose, one.filters.assignee?.[0] ?? "", (value) => put("assignee", words(value)))),
    field(t("views.rules"), h("input", { name: "rules", value: (one.filters.rule ?? []).join(", "), autocomplete: "off", on: { change: (event) => put("rule", words(event.target.value)) } }), t("views.rules_hint")),
    checks("severity", WORST_FIRST, "severities"),
    checks("stage", STAGES, "stages"),
  ];
}

// A view's name made of its title; one without Latin letters has its moment.
function slug(words) {
  const made = words.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  return made && made !== "new" ? made : `view-${Date.now().toString(36)}`;
}
