// Parts that pages are made of. Each returns an element; none asks the server for anything.

import { h, replace } from "./dom.js";
import { ago, named, number, t, when } from "./i18n.js";

export { dialog, confirm } from "./dialog.js";

// A severity as a word with its colour.
export function badge(severity) {
  return h("span", { class: `badge sev-${severity}` }, named("severity", severity));
}

// A word in a frame: tag("shadow", "warn"); tones are "", good, warn, bad.
export function tag(text, tone = "") {
  return h("span", { class: ["tag", tone && `tone-${tone}`] }, text);
}

// Where people are with an alert: its standing, and how it was closed, or that it sleeps or was withdrawn.
export function standing(row) {
  const asleep = row.asleep_until && row.asleep_until > Date.now();
  const word =
    row.standing === "closed" && row.disposition
      ? named("disposition", row.disposition)
      : asleep
        ? t("standing.asleep", { when: ago(row.asleep_until) })
        : named("standing", row.standing);
  const gone = row.state === "withdrawn" && row.disposition !== "withdrawn";
  return h("span", { class: "standing" }, tag(word, row.standing === "open" && !asleep ? "open" : ""), gone && tag(named("state", "withdrawn"), "warn"));
}

// A section with a heading; the first child may be {actions: [elements], id} in place of a child.
export function card(title, ...children) {
  const plain = children[0] && children[0].constructor === Object;
  const { actions = null, id = null, wide = false } = plain ? children.shift() : {};
  const head = h("div", { class: "card-head" }, h("h2", {}, title), actions && h("div", { class: "card-actions" }, actions));
  return h("section", { class: ["card", wide && "wide"], id, "aria-label": typeof title === "string" ? title : null }, head, ...children);
}

// The page's heading, what it is about below it, and what one can do at its right.
export function head(title, below, ...actions) {
  const words = h("div", {}, h("h1", {}, title), below && h("p", { class: "lead" }, below));
  return h("header", { class: "page-head" }, words, actions.length > 0 && h("div", { class: "actions" }, ...actions));
}

export function empty(sentence) {
  return h("p", { class: "empty" }, sentence);
}

export function loading() {
  return h("p", { class: "empty", "aria-busy": "true" }, t("loading"));
}

// What went wrong, in the server's sentence, with a way to try again.
export function failed(error, again) {
  const sentence = error?.status === 0 ? t("no_answer") : error?.sentence || error?.message || t("no_answer");
  const retry = again && h("button", { class: "quiet", on: { click: again } }, t("try_again"));
  return h("div", { class: "failed", role: "alert" }, h("p", {}, sentence), retry);
}

// A button; `tone` is "", primary, quiet or danger; `key` is the key that does the same, shown beside it.
export function button(text, act, { tone = "", key = "", ...rest } = {}) {
  const hint = key && h("kbd", { "aria-hidden": "true" }, key);
  return h("button", { type: "button", class: tone || null, "aria-keyshortcuts": key || null, on: { click: act }, ...rest }, text, hint);
}

// Names and values: facts([["Rule", "wash-pair"], ["Owner", link]]); empty values are left out.
export function facts(pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

// How long ago, with the moment itself to see on it.
export function since(ms) {
  return h("time", { datetime: Number.isFinite(ms) ? new Date(ms).toISOString() : null, title: when(ms) }, ago(ms));
}

export function moment(ms, shape) {
  return h("time", { datetime: Number.isFinite(ms) ? new Date(ms).toISOString() : null }, when(ms, shape));
}

// Which part of a list is shown, and the way to the others. go(offset).
export function pager({ total, offset, limit, go }) {
  const last = Math.min(offset + limit, total);
  const words = total ? t("pager.shown", { first: number(offset + 1), last: number(last), total: number(total) }) : t("pager.none");
  const step = (text, to, ok) => button(text, () => go(to), { tone: "quiet", disabled: !ok });
  return h(
    "nav",
    { class: "pager", "aria-label": t("pager.label") },
    h("span", {}, words),
    total > limit && [
      step(t("pager.first"), 0, offset > 0),
      step(t("pager.before"), Math.max(0, offset - limit), offset > 0),
      step(t("pager.next"), offset + limit, last < total),
      step(t("pager.last"), Math.floor((total - 1) / limit) * limit, last < total),
    ],
  );
}

// A table; on narrow screens each row is a block. columns: [{key, label, cell(row), sort?, wide?, grow?, num?, link?}]:
// `sort` may be sorted by, `wide` is shown where there is room, `grow` takes the room, `num` stands at the right; the
// row's link is on the column that says `link`, else on the first.
// `sort` is "key" or "-key" of now, onSort(next) is told the next; href(row) is where a row leads; `select` is
// {chosen: Set, id(row), changed()}; `label` names the table; mark(row) is a class of the row.
export function table({ columns, rows, sort = "", onSort, href, select, label, mark, nothing }) {
  if (!rows.length) return empty(nothing ?? t("nothing"));
  const heads = columns.map((column) => heading(column, sort, onSort));
  if (select) heads.unshift(h("th", { role: "columnheader", scope: "col", class: "col-check" }, selectAll(rows, select)));
  const body = rows.map((row) => tableRow({ columns, row, href, select, mark }));
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { role: "table", "aria-label": label ?? null },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)),
      h("tbody", { role: "rowgroup" }, body),
    ),
  );
}

// One row of such a table, as when it has changed and the others have not.
export function tableRow({ columns, row, href, select, mark }) {
  const linked = Math.max(0, columns.findIndex((column) => column.link));
  const cells = columns.map((column, at) => bodyCell(column, row, at === linked ? href?.(row) : null));
  if (select) cells.unshift(h("td", { role: "cell", class: "col-check" }, selectOne(row, select)));
  return h("tr", { role: "row", class: mark?.(row) ?? null, tabindex: "-1", dataset: { row: select ? select.id(row) : "" } }, cells);
}

function heading(column, sort, onSort) {
  const classes = [column.wide && "wide", column.grow && "grow", column.num && "num"];
  if (!column.sort || !onSort) return h("th", { role: "columnheader", scope: "col", class: classes }, column.label);
  const name = column.sort === true ? column.key : column.sort;
  const now = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
  const next = now === "descending" ? name : `-${name}`;
  const arrow = h("span", { class: "arrow", "aria-hidden": "true" }, now === "ascending" ? "▲" : now === "descending" ? "▼" : "");
  const press = h("button", { type: "button", class: "sort", on: { click: () => onSort(next) } }, column.label, arrow);
  return h("th", { role: "columnheader", scope: "col", "aria-sort": now, class: classes }, press);
}

function bodyCell(column, row, to) {
  const made = column.cell ? column.cell(row) : row[column.key];
  const inside = to ? h("a", { href: to, class: "row-link" }, made) : made;
  const classes = [`col-${column.key}`, column.wide && "wide", column.grow && "grow", column.num && "num"];
  return h("td", { role: "cell", class: classes, dataset: { label: column.label } }, inside ?? "");
}

function selectAll(rows, select) {
  const all = rows.every((row) => select.chosen.has(select.id(row)));
  const some = !all && rows.some((row) => select.chosen.has(select.id(row)));
  const change = (event) => {
    for (const row of rows) select.chosen[event.target.checked ? "add" : "delete"](select.id(row));
    select.changed();
  };
  return h("input", { type: "checkbox", checked: all, indeterminate: some, "aria-label": t("select.all"), on: { change } });
}

function selectOne(row, select) {
  const id = select.id(row);
  const change = (event) => {
    select.chosen[event.target.checked ? "add" : "delete"](id);
    select.changed();
  };
  return h("input", { type: "checkbox", checked: select.chosen.has(id), "aria-label": t("select.one", { id }), on: { change } });
}

// A part of a whole as a bar: meter(0.4, {label: "of the limit", tone: "bad"}).
export function meter(share, { label = "", tone = "" } = {}) {
  const width = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0));
  const fill = h("span", { class: ["fill", tone && `tone-${tone}`], style: { width: `${(width * 100).toFixed(1)}%` } });
  return h("span", { class: "meter", role: "img", "aria-label": label || `${number(width * 100, 0)} %` }, fill);
}

// Tabs: [{id, label, show(panel)}]; shows the chosen one. picked(id) is told the next.
export function tabs(items, chosen = items[0]?.id, picked) {
  const panel = h("div", { role: "tabpanel", tabindex: "0", class: "panel" });
  const list = h("div", { role: "tablist", class: "tabs" });
  const pick = (id, focus) => {
    for (const one of list.children) {
      const is = one.dataset.tab === id;
      one.setAttribute("aria-selected", String(is));
      one.tabIndex = is ? 0 : -1;
      if (is && focus) one.focus();
    }
    const item = items.find((one) => one.id === id);
    panel.setAttribute("aria-label", item.label);
    replace(panel);
    item.show(panel);
  };
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = items.findIndex((item) => item.id === event.target.dataset.tab);
    pick(items[(at + step + items.length) % items.length].id, true);
    event.preventDefault();
  };
  for (const { id, label } of items) {
    const click = () => (pick(id), picked?.(id));
    list.append(h("button", { type: "button", role: "tab", dataset: { tab: id }, on: { click, keydown: move } }, label));
  }
  pick(chosen);
  return h("div", {}, list, panel);
}

// A field with its name above it: field("Comment", h("textarea", {name: "comment"}), "what it is for").
export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", {}, label), control, hint && h("small", {}, hint));
}

// A choice: pairs of [value, words].
export function choice(name, pairs, value, change) {
  const options = pairs.map(([one, words]) => h("option", { value: one, selected: one === value }, words));
  return h("select", { name, on: change ? { change: (event) => change(event.target.value) } : {} }, options);
}

// A sentence in the corner, which goes by itself, and is read out.
export function say(sentence, tone = "") {
  const root = document.getElementById("said");
  const line = h("p", { class: ["toast", tone && `tone-${tone}`] }, sentence);
  root.append(line);
  while (root.children.length > 3) root.firstChild.remove();
  setTimeout(() => line.remove(), tone === "bad" ? 12000 : 6000);
}
