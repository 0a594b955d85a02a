// The queue: alerts by any filters, worked one by one or many at once. Rows never move under the pointer: what is new
// waits behind a bar, what has changed is changed where it stands. The address holds all filters.

import { act, ask, mayWork } from "../lib/acts.js";
import { address } from "../lib/address.js";
import { get, query as queryText } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { ago, clock, fromClock, named, t, when } from "../lib/i18n.js";
import { keys } from "../lib/keys.js";
import * as live from "../lib/live.js";
import { person } from "../lib/me.js";
import { badge, button, choice, dialog, empty, failed, field, head, pager, since, standing, table, tableRow } from "../lib/parts.js";
import "../words/alerts.js";

const LIMIT = 50;
const MOST_NEW = 999; // new alerts that are counted; beyond them it is "more than"
const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const STAGES = ["pre_loan", "mid_loan", "post_loan", "trading", "portfolio"];
const ANY_OF = ["standing", "severity", "stage", "rule", "entity", "assignee", "state", "disposition", "case"];
const OTHERS = ["q", "kind", "key", "from", "to"];
const DEFAULT_STANDING = "open,acknowledged";
const DEFAULT_SORT = "-severity";

let last = { place: "", row: "" }; // where somebody was in the queue, to go on from there

export function title() {
  return t("nav.alerts");
}

export async function show(root, _, given) {
  const queue = new Queue(root, given);
  await queue.load();
  queue.begin();
  if (last.place === queue.place()) requestAnimationFrame(() => queue.row(last.row)?.focus());
  return () => queue.end();
}

class Queue {
  constructor(root, given) {
    this.root = root;
    this.asked = Object.fromEntries([...ANY_OF, ...OTHERS].filter((name) => given[name]).map((name) => [name, given[name]]));
    this.sort = given.sort ?? DEFAULT_SORT;
    this.offset = Number(given.offset) || 0;
    this.rows = [];
    this.total = 0;
    this.chosen = new Set();
    this.fresh = new Set();
    this.many = false; // more changed at once than is told one by one
    this.turn = 0;
    this.offs = [];
    this.parts = {
      fresh: h("div", { class: "fresh-place" }),
      filters: h("div", { class: "filters" }),
      list: h("div", { class: "card list" }),
      pager: h("div", {}),
      bulk: h("div", { class: "bulk-place" }),
      found: h("span", { "aria-live": "polite" }),
    };
    const { filters, fresh, list, pager, bulk, found } = this.parts;
    replace(root, head(t("nav.alerts"), found), filters, fresh, list, pager, bulk);
  }

  begin() {
    this.offs = [live.on("alerts", (data) => this.changed(data)), live.on("again", () => this.load()), keys(this.keyTable())];
    const ticking = setInterval(() => {
      for (const time of this.parts.list.querySelectorAll("time[title]")) time.textContent = ago(Date.parse(time.dateTime));
    }, 15000);
    this.offs.push(() => clearInterval(ticking));
  }

  end() {
    last = { place: this.place(), row: document.activeElement?.closest?.("[data-row]")?.dataset.row ?? last.row };
    this.offs.forEach((off) => off());
  }

  // What is asked of the server: as the address says, and without a word on standing what is not closed.
  params() {
    const { standing: asked, ...rest } = this.asked;
    return { ...rest, standing: asked === "any" ? "" : (asked ?? DEFAULT_STANDING), sort: this.sort, offset: this.offset || "", limit: LIMIT };
  }

  place() {
    return `/alerts${queryText({ ...this.asked, sort: this.sort === DEFAULT_SORT ? "" : this.sort, offset: this.offset || "" })}`;
  }

  async load() {
    const turn = ++this.turn;
    try {
      const found = await get("/v1/alerts", this.params());
      if (turn !== this.turn) return;
      this.rows = found.items;
      this.total = found.total;
      this.newest = Math.max(0, ...found.items.map((row) => row.since));
      this.fresh.clear();
      this.many = false;
      for (const id of this.chosen) if (!this.rows.some((row) => row.id === id)) this.chosen.delete(id);
      this.draw();
    } catch (error) {
      if (turn === this.turn) replace(this.parts.list, failed(error, () => this.load()));
    }
  }

  // Another set of filters, order or page: into the address, and asked for.
  change(next = {}) {
    Object.assign(this, { offset: 0 }, next);
    address(this.place());
    return this.load().then(() => scrollTo(0, 0));
  }

  filter(name, value) {
    const asked = { ...this.asked };
    if (value) asked[name] = value;
    else delete asked[name];
    if (name === "kind" && !value) delete asked.key;
    this.chosen.clear();
    return this.change({ asked });
  }

  draw() {
    const { list, pager: pages } = this.parts;
    this.parts.found.textContent = t("alerts.found", { n: this.total });
    this.drawFilters();
    this.drawFresh();
    replace(list, this.rows.length ? table({ ...this.shape(), rows: this.rows }) : empty(t("alerts.nothing")));
    replace(pages, pager({ total: this.total, offset: this.offset, limit: LIMIT, go: (offset) => this.change({ offset }) }));
    this.drawBulk();
  }

  shape() {
    return {
      columns: columns(),
      sort: this.sort,
      onSort: (sort) => this.change({ sort }),
      href: (row) => `/alerts/${encodeURIComponent(row.id)}`,
      label: t("nav.alerts"),
      mark: (row) => [row.standing === "closed" && "over", row.state === "withdrawn" && "withdrawn"].filter(Boolean).join(" ") || null,
      select: mayWork() ? { chosen: this.chosen, id: (row) => row.id, changed: () => this.drawChosen() } : null,
    };
  }

  drawFilters() {
    const toggles = SEVERITIES.map((severity) => {
      const on = listOf(this.asked.severity).includes(severity);
      const flip = () => this.filter("severity", flipped(this.asked.severity, severity));
      return h("button", { type: "button", class: ["chip", `sev-${severity}`], "aria-pressed": String(on), on: { click: flip } }, named("severity", severity));
    });
    const now = this.asked.assignee === person().name && !this.asked.standing ? "mine" : (this.asked.standing ?? "");
    const pick = (value) => {
      const asked = { ...this.asked };
      delete asked.standing;
      if (asked.assignee === person().name) delete asked.assignee;
      if (value === "mine") asked.assignee = person().name;
      else if (value) asked.standing = value;
      this.chosen.clear();
      this.change({ asked });
    };
    const standings = [["", t("alerts.not_closed")], ["open", named("standing", "open")], ["acknowledged", named("standing", "acknowledged")], ["mine", t("alerts.mine")], ["closed", named("standing", "closed")], ["any", t("alerts.any")]];
    if (!standings.some(([value]) => value === now)) standings.push([now, listOf(now).map((one) => named("standing", one)).join(", ")]);
    const select = choice("standing", standings, now, pick);
    select.setAttribute("aria-label", t("alerts.standing"));
    const search = h("input", { type: "search", value: this.asked.q ?? "", placeholder: t("alerts.words"), "aria-label": t("alerts.words"), maxlength: "200", dataset: { search: "" } });
    const form = h("form", { class: "words", on: { submit: (event) => (event.preventDefault(), this.filter("q", search.value.trim())) } }, search);
    search.addEventListener("search", () => search.value === "" && this.asked.q && this.filter("q", ""));
    const more = button(t("alerts.more"), () => this.more(), { tone: "quiet" });
    const sorts = choice("sort", SORTS().map(([value, words]) => [value, words]), this.sort, (sort) => this.change({ sort }));
    sorts.classList.add("sorts");
    sorts.setAttribute("aria-label", t("alerts.sort"));
    const chips = this.chips();
    replace(
      this.parts.filters,
      h("div", { class: "row" }, select, h("div", { class: "row", role: "group", "aria-label": t("alerts.severity") }, toggles), form, more, sorts),
      chips.length > 0 && h("ul", { class: "chips", "aria-label": t("alerts.filters") }, chips.map((chip) => h("li", {}, chip))),
    );
  }

  // The filters beside standing and severity, each with a way to take it out.
  chips() {
    const made = [];
    const chip = (name, words) =>
      made.push(h("button", { type: "button", class: "chip on", title: t("alerts.take_out"), "aria-label": t("alerts.take_out_of", { what: words }), on: { click: () => this.filter(name, "") } }, words, h("span", { "aria-hidden": "true" }, " ×")));
    const { asked } = this;
    for (const name of ["stage", "rule", "entity", "state", "disposition", "case"]) {
      if (asked[name]) chip(name, `${t(`alerts.${name}`)}: ${listOf(asked[name]).map((one) => named(name, one)).join(", ")}`);
    }
    if (asked.assignee && asked.assignee !== person().name) chip("assignee", `${t("alerts.assignee")}: ${asked.assignee === "nobody" ? t("alerts.nobody") : asked.assignee}`);
    if (asked.q) chip("q", `“${asked.q}”`);
    if (asked.kind) chip("kind", `${named("kind", asked.kind)} ${asked.key ?? ""}`);
    if (asked.from) chip("from", t("alerts.from", { when: when(Number(asked.from), { seconds: false }) }));
    if (asked.to) chip("to", t("alerts.to", { when: when(Number(asked.to), { seconds: false }) }));
    if (Object.keys(asked).length > 1) made.push(button(t("alerts.clear"), () => this.change({ asked: {} }), { tone: "quiet" }));
    return made;
  }

  // The filters that are asked for more rarely.
  async more() {
    const { asked } = this;
    const any = [["", t("alerts.any_of")]];
    const input = (name) => h("input", { name, value: asked[name] ?? "", maxlength: "200", autocomplete: "off" });
    const time = (name) => h("input", { type: "datetime-local", name, value: asked[name] ? clock(Number(asked[name])) : "" });
    const people = (person().people ?? []).map((name) => [name, name]);
    const states = ["raised", "changed", "withdrawn", "recovered"].map((name) => [name, named("state", name)]);
    const endings = ["confirmed", "false_alarm", "known", "other", "withdrawn"].map((name) => [name, named("disposition", name)]);
    const kinds = ["customer", "account", "loan", "group", "instrument", "device", "counterparty"].map((name) => [name, named("kind", name)]);
    const entities = person().entities;
    const body = h(
      "div",
      { class: "halves" },
      field(t("alerts.stage"), choice("stage", [...any, ...STAGES.map((name) => [name, named("stage", name)])], asked.stage ?? "")),
      field(t("alerts.rule"), input("rule"), t("alerts.several")),
      field(t("alerts.entity"), entities ? choice("entity", [...any, ...entities.map((name) => [name, name])], asked.entity ?? "") : input("entity")),
      field(t("alerts.assignee"), choice("assignee", [...any, ["nobody", t("alerts.nobody")], ...people], asked.assignee ?? "")),
      field(t("alerts.state"), choice("state", [...any, ...states], asked.state ?? "")),
      field(t("alerts.disposition"), choice("disposition", [...any, ...endings], asked.disposition ?? "")),
      field(t("alerts.kind"), choice("kind", [...any, ...kinds], asked.kind ?? "")),
      field(t("alerts.key"), input("key")),
      field(t("alerts.time_from"), time("from")),
      field(t("alerts.time_to"), time("to")),
    );
    const answer = await dialog({ title: t("alerts.more"), body, actions: [{ label: t("alerts.show"), value: "go" }] });
    if (!answer) return;
    const next = { ...asked };
    for (const name of ["stage", "rule", "entity", "assignee", "state", "disposition", "kind", "key", "from", "to"]) {
      const word = String(answer.form.get(name) ?? "").trim();
      const value = word && ["from", "to"].includes(name) ? String(fromClock(word)) : word;
      if (value) next[name] = value;
      else delete next[name];
    }
    if (!next.kind || !next.key) {
      delete next.kind;
      delete next.key;
    }
    if (next.disposition && !next.standing) next.standing = "closed"; // what is not closed has none
    this.change({ asked: next });
  }

  // Updates: rows that are shown are changed where they stand; what is new is counted.
  changed({ changed, more }) {
    for (const row of changed) {
      const at = this.rows.findIndex((one) => one.id === row.id);
      if (at >= 0) this.renew(at, row);
      else if (row.since >= this.newest && this.fits(row) && this.fresh.size < MOST_NEW) this.fresh.add(row.id);
    }
    this.many ||= Boolean(more);
    this.drawFresh();
  }

  renew(at, row) {
    const before = this.row(row.id);
    const same = this.rows[at].version === row.version && this.rows[at].severity === row.severity && this.rows[at].summary === row.summary;
    this.rows[at] = row;
    if (same || !before) return;
    const focused = before.contains(document.activeElement);
    const made = tableRow({ ...this.shape(), row });
    made.classList.add("renewed");
    before.replaceWith(made);
    if (focused) made.focus();
  }

  // Whether a row belongs to what is shown, as far as that can be told here; what cannot be told counts as new.
  fits(row) {
    const asked = { standing: DEFAULT_STANDING, ...this.asked };
    if (asked.standing === "any") delete asked.standing;
    const among = (name) => !asked[name] || listOf(asked[name]).includes(row[name] === "" && name === "assignee" ? "nobody" : row[name]);
    if (!ANY_OF.every(among)) return false;
    if (asked.kind && row.keys?.[asked.kind] !== asked.key) return false;
    if ((asked.from && row.time < Number(asked.from)) || (asked.to && row.time >= Number(asked.to))) return false;
    const text = `${row.summary} ${row.rule} ${Object.values(row.keys ?? {}).join(" ")}`.toLowerCase();
    return (asked.q ?? "").toLowerCase().split(/\s+/).every((word) => text.includes(word));
  }

  drawFresh() {
    const n = this.fresh.size;
    const words = this.many || n >= MOST_NEW ? t("alerts.many_new") : n ? t("alerts.new", { n }) : "";
    if (this.freshWords === words) return;
    this.freshWords = words;
    const press = () => this.change({ offset: 0 });
    replace(this.parts.fresh, words && h("button", { type: "button", class: "fresh", on: { click: press } }, words));
  }

  row(id) {
    return id ? this.parts.list.querySelector(`[data-row="${CSS.escape(id)}"]`) : null;
  }

  drawChosen() {
    for (const box of this.parts.list.querySelectorAll("tr[data-row]")) {
      const on = this.chosen.has(box.dataset.row);
      box.querySelector("input[type=checkbox]").checked = on;
      box.classList.toggle("chosen", on);
    }
    this.drawBulk();
  }

  drawBulk() {
    const n = this.chosen.size;
    if (!n) return replace(this.parts.bulk);
    const verbs = ["acknowledge", "assign", "snooze", "close"].map((name) => button(t(`acts.${name}`), () => this.work(name), { tone: name === "acknowledge" ? "primary" : "", key: { acknowledge: "a", close: "c" }[name] }));
    const none = button(t("alerts.choose_none"), () => (this.chosen.clear(), this.drawChosen()), { tone: "quiet" });
    replace(this.parts.bulk, h("div", { class: "bulk", role: "toolbar", "aria-label": t("alerts.chosen", { n }) }, h("b", {}, t("alerts.chosen", { n })), verbs, none));
  }

  // An act on what is chosen, or where nothing is on the row that one stands on.
  async work(name) {
    if (!mayWork()) return;
    const here = document.activeElement?.closest?.("[data-row]")?.dataset.row;
    const rows = this.rows.filter((row) => (this.chosen.size ? this.chosen.has(row.id) : row.id === here));
    if (!rows.length) return;
    const done = await ask(name, (verb, more) => act(verb, rows, more), { count: rows.length });
    if (done === null) return;
    this.chosen.clear();
    await this.load();
    this.row(here)?.focus();
  }

  keyTable() {
    const choose = () => {
      const id = document.activeElement?.closest?.("[data-row]")?.dataset.row;
      if (!id || !mayWork()) return false;
      this.chosen[this.chosen.has(id) ? "delete" : "add"](id);
      this.drawChosen();
      return true;
    };
    return {
      x: choose,
      a: () => void this.work("acknowledge"),
      c: () => void this.work("close"),
      n: () => this.offset + LIMIT < this.total && void this.change({ offset: this.offset + LIMIT }),
      p: () => this.offset > 0 && void this.change({ offset: Math.max(0, this.offset - LIMIT) }),
    };
  }
}

function columns() {
  return [
    { key: "severity", label: t("alerts.severity"), sort: true, cell: (row) => badge(row.severity) },
    { key: "summary", label: t("alerts.summary"), grow: true, link: true, cell: (row) => row.summary || row.rule },
    { key: "subject", label: t("alerts.subject"), cell: (row) => subject(row) },
    { key: "rule", label: t("alerts.rule"), sort: true, wide: true, cell: (row) => row.rule },
    { key: "entity", label: t("alerts.entity"), sort: true, wide: true, cell: (row) => row.entity },
    { key: "standing", label: t("alerts.standing"), sort: true, cell: (row) => standing(row) },
    { key: "assignee", label: t("alerts.assignee"), sort: true, cell: (row) => row.assignee || h("span", { class: "muted" }, "–") },
    { key: "since", label: t("alerts.since"), sort: true, cell: (row) => since(row.since) },
  ];
}

// Whom an alert is about: the first of its keys, in the order in which cases go.
function subject(row) {
  const kind = ["group", "customer", "account", "loan", "instrument", "device", "counterparty"].find((name) => row.keys?.[name]);
  return kind ? row.keys[kind] : "–";
}

function SORTS() {
  return [["-severity", t("alerts.sort.severity")], ["-since", t("alerts.sort.newest")], ["since", t("alerts.sort.oldest")], ["-changed", t("alerts.sort.changed")], ["rule", t("alerts.rule")], ["entity", t("alerts.entity")]];
}

function listOf(text) {
  return (text ?? "").split(",").filter(Boolean);
}

function flipped(text, one) {
  const list = listOf(text);
  return (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]).join(",");
}
