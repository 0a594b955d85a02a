// Cases: alerts of one subject are one line, the most severe first.

import { address } from "../lib/address.js";
import { get, query as queryText } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { named, number, t } from "../lib/i18n.js";
import * as live from "../lib/live.js";
import { badge, choice, failed, head, pager, since, table } from "../lib/parts.js";
import "../words/cases.js";

const LIMIT = 50;
const KINDS = ["group", "customer", "account", "loan", "instrument", "device", "counterparty", "rule"];
const SEVERITIES = ["critical", "high", "medium", "low", "info"];

export function title() {
  return t("nav.cases");
}

export async function show(root, _, given) {
  let asked = Object.fromEntries(["kind", "severity", "entity", "over", "sort"].filter((name) => given[name]).map((name) => [name, given[name]]));
  let offset = Number(given.offset) || 0;
  let turn = 0;
  const found = h("span", { "aria-live": "polite" });
  const filters = h("div", { class: "row" });
  const stale = h("div", { class: "fresh-place" });
  const list = h("div", { class: "card list" });
  const pages = h("div", {});
  replace(root, head(t("nav.cases"), found), filters, stale, list, pages);

  const load = async () => {
    const mine = ++turn;
    try {
      const { items, total } = await get("/v1/cases", { ...asked, offset: offset || "", limit: LIMIT });
      if (mine !== turn) return;
      found.textContent = t("cases.found", { n: total });
      replace(stale);
      drawFilters();
      replace(list, table({ columns: columns(), rows: items, sort: asked.sort ?? "-severity", onSort: (sort) => change({ sort }), href: (row) => `/cases/${encodeURIComponent(row.id)}`, label: t("nav.cases"), nothing: t("cases.none") }));
      replace(pages, pager({ total, offset, limit: LIMIT, go: (to) => ((offset = to), change({}, to)) }));
    } catch (error) {
      if (mine === turn) replace(list, failed(error, load));
    }
  };
  const change = (more, to = 0) => {
    asked = Object.fromEntries(Object.entries({ ...asked, ...more }).filter(([, value]) => value));
    offset = to;
    address(`/cases${queryText({ ...asked, offset: offset || "" })}`);
    return load();
  };
  const drawFilters = () => {
    const pick = (name, pairs, label) => {
      const select = choice(name, pairs, asked[name] ?? "", (value) => change({ [name]: value }));
      select.setAttribute("aria-label", label);
      return select;
    };
    const over = h("input", { type: "checkbox", checked: asked.over === "true", on: { change: (event) => change({ over: event.target.checked ? "true" : "" }) } });
    replace(
      filters,
      pick("severity", [["", t("cases.any_severity")], ...SEVERITIES.map((name) => [name, named("severity", name)])], t("cases.severity")),
      pick("kind", [["", t("cases.any_kind")], ...KINDS.map((name) => [name, named("kind", name)])], t("cases.kind")),
      h("label", { class: "row" }, over, t("cases.over")),
    );
  };
  await load();
  // A list that is read does not move by itself: that it has changed is said, once.
  const changed = () => {
    if (stale.firstChild) return;
    replace(stale, h("button", { type: "button", class: "fresh", on: { click: load } }, t("cases.changed")));
  };
  const offs = [live.on("alerts", changed), live.on("again", load)];
  return () => offs.forEach((off) => off());
}

function columns() {
  return [
    { key: "severity", label: t("cases.severity"), sort: true, cell: (row) => badge(row.severity) },
    { key: "summary", label: t("cases.what"), grow: true, link: true, cell: (row) => row.summary || row.rules.join(", ") },
    { key: "key", label: t("cases.subject"), cell: (row) => `${named("kind", row.kind)} ${row.key}` },
    { key: "entity", label: t("cases.entity"), wide: true, cell: (row) => row.entity },
    { key: "open", label: t("cases.open"), sort: true, num: true, cell: (row) => t("cases.of", { n: row.open, all: number(row.alerts) }) },
    { key: "assignee", label: t("cases.who"), cell: (row) => row.assignee || "–" },
    { key: "first", label: t("cases.since"), sort: true, wide: true, cell: (row) => since(row.first) },
    { key: "last", label: t("cases.last"), sort: true, cell: (row) => since(row.last) },
  ];
}
