// What is wrong, where and how bad, at one look; every number leads to the alerts behind it.

import { get, query } from "../lib/api.js";
import { stacked } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { ago, named, number, t, when } from "../lib/i18n.js";
import * as live from "../lib/live.js";
import { badge, card, empty, head, moment, since } from "../lib/parts.js";
import "../words/overview.js";

const WORST_FIRST = ["critical", "high", "medium", "low", "info"];
const MANY = 10000; // records that wait: more than a worker judges in a second
const PATIENCE = 4; // seconds that what has changed waits while the pointer is upon a link
const DEEPEST = { critical: 3, high: 3, medium: 2, low: 1, info: 1 }; // many that are mild look no worse than they are
const NOT_CLOSED = "open,acknowledged";

export function title() {
  return t("nav.overview");
}

export async function show(root) {
  let shown = "";
  let said = null;
  const held = { later: 0, times: 0 };
  let flow = null; // how the stream is, null where it cannot be told
  const draw = (now) => {
    said = now;
    const { now: _, ...rest } = now;
    const sign = JSON.stringify([rest, flow]);
    if (sign === shown) return; // nothing but the clock has changed
    clearTimeout(held.later);
    if (root.querySelector("a:hover") && held.times++ < PATIENCE) {
      held.later = setTimeout(() => draw(said), 1000); // somebody is about to press what would move
      return;
    }
    held.times = 0;
    shown = sign;
    const stands = document.activeElement?.dataset?.held; // who stands on a link stays on it
    replace(root, ...page(now, flow));
    if (stands) root.querySelector(`[data-held="${CSS.escape(stands)}"]`)?.focus();
  };
  const look = async () => {
    flow = await get("/v1/quality").then(wellOf, () => null);
    if (said) draw(said);
  };
  draw(await get("/v1/overview"));
  look();
  const again = () => get("/v1/overview").then(draw, () => null);
  const offs = [live.on("overview", draw), live.on("again", again)];
  const clock = setInterval(() => {
    for (const time of root.querySelectorAll("time[datetime]")) if (time.title) time.textContent = ago(Date.parse(time.dateTime));
    if (said) replace(root.querySelector(".lead"), ...sentence(said));
  }, 10000);
  const looking = setInterval(() => !document.hidden && look(), 15000);
  return () => (offs.forEach((off) => off()), clearInterval(clock), clearInterval(looking), clearTimeout(held.later));
}

// What of the data's quality tells at a glance whether the stream is well.
function wellOf({ origins, hops, rejects }) {
  const came = origins.map((one) => one.came).filter(Boolean);
  const waits = [...origins, ...hops].map((one) => one.lag).filter((lag) => lag !== null);
  return {
    newest: came.length ? Math.max(...came) : null,
    waits: waits.length ? waits.reduce((all, lag) => all + lag, 0) : null,
    refused: rejects.reduce((all, row) => all + row.day, 0),
  };
}

function page(now, flow) {
  return [
    head(t("nav.overview"), sentence(now)),
    h("ul", { class: "tiles", "aria-label": t("overview.by_severity") }, now.severities.map(tile)),
    h(
      "div",
      { class: "overview" },
      worst(now),
      h("div", { class: "stack" }, heat(t("overview.stages"), "stage", now.stages), speed(now), wellness(now, flow)),
      heat(t("overview.entities"), "entity", now.entities),
    ),
  ];
}

// The one sentence that says how bad it is.
function sentence(now) {
  const urgent = now.severities.filter((row) => row.open && ["critical", "high"].includes(row.severity));
  const all = now.severities.reduce((sum, row) => sum + row.open, 0);
  const newest = now.newest ? ` ${t("overview.newest", { ago: ago(now.newest) })}` : "";
  if (!all) return [t("overview.calm"), newest];
  const words = urgent.map((row) => t("overview.of", { n: row.open, severity: named("severity", row.severity).toLowerCase() }));
  const begin = words.length ? t("overview.urgent", { what: words.join(t("overview.and")) }) : t("overview.mild", { n: all });
  return [begin, newest];
}

function tile(row) {
  const to = (standing) => `/alerts${query({ standing, severity: row.severity })}`;
  const label = t("overview.tile", { n: row.open, severity: named("severity", row.severity) });
  return h(
    "li",
    { class: ["tile", `sev-${row.severity}`, !row.open && "none"] },
    h(
      "a",
      { class: "big", href: to("open"), "aria-label": label, dataset: { held: `tile ${row.severity}` } },
      h("span", { class: "name" }, named("severity", row.severity)),
      h("span", { class: "count" }, number(row.open)),
    ),
    row.acknowledged
      ? h("a", { class: "small", href: to("acknowledged"), dataset: { held: `work ${row.severity}` } }, t("overview.in_work", { n: row.acknowledged }))
      : h("span", { class: "small" }, t("overview.none_in_work")),
  );
}

function worst(now) {
  const more = now.cases_open > now.cases.length && h("a", { href: "/cases" }, t("overview.all_cases", { n: now.cases_open }));
  const rows = now.cases.map((row) =>
    h(
      "li",
      { tabindex: "-1", dataset: { row: row.id } },
      badge(row.severity),
      h(
        "div",
        { class: "what" },
        h("a", { class: "row-link", href: `/cases/${encodeURIComponent(row.id)}`, dataset: { held: `case ${row.id}` } }, row.summary || row.rules.join(", ")),
        h("span", { class: "muted" }, `${named("kind", row.kind)} ${row.key} · ${t("overview.alerts", { n: row.open })}`),
      ),
      h("div", { class: "has" }, h("span", { class: row.assignee ? "" : "nobody" }, row.assignee || t("overview.nobody")), h("span", { class: "muted" }, since(row.first))),
    ),
  );
  return card(t("overview.worst"), { actions: more, id: "worst" }, rows.length ? h("ol", { class: "worst" }, rows) : empty(t("overview.no_cases")));
}

function speed(now) {
  const sums = now.hours.map((hour) => Object.values(hour.severities).reduce((all, one) => all + one, 0));
  const day = sums.reduce((all, one) => all + one, 0);
  const rows = now.hours.map((hour, at) => ({
    parts: WORST_FIRST.map((severity) => [severity, hour.severities[severity] ?? 0]),
    title: t("overview.hour", { n: sums[at], from: when(hour.from, { seconds: false }) }),
  }));
  const words = t("overview.rate", { hour: sums.at(-1) ?? 0, day });
  const ends = now.hours.length > 0 && h("div", { class: "ends muted" }, moment(now.hours[0].from, { seconds: false }), h("span", {}, t("overview.now")));
  return card(t("overview.speed"), h("p", { class: "muted" }, words), stacked(rows, { label: words }), ends);
}

function wellness(now, flow) {
  const rows = [];
  if (flow) {
    rows.push([t("overview.newest_event"), true, flow.newest ? since(flow.newest) : t("overview.never")]);
    if (flow.waits !== null) rows.push([t("overview.waits"), flow.waits < MANY, number(flow.waits)]);
    rows.push([t("overview.refused"), flow.refused === 0, number(flow.refused)]);
  }
  rows.push([t("overview.newest_alert"), true, now.newest ? since(now.newest) : t("overview.never")]);
  rows.push([t("overview.desk"), true, now.desk?.last ? since(now.desk.last) : t("overview.never")]);
  if (now.silences) rows.push([h("a", { href: "/silences" }, t("overview.silences")), true, number(now.silences)]);
  const list = rows.map(([name, well, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", { class: well ? null : "unwell" }, value)),
  );
  return card(t("overview.well"), { actions: h("a", { href: "/quality" }, t("nav.quality")) }, h("dl", { class: "facts" }, list));
}

// Counts of one column's values by severity; the darker a cell, the more of the worst in its column.
function heat(label, column, rows) {
  if (!rows.length) return card(label, empty(t("overview.calm")));
  const shown = WORST_FIRST.filter((severity) => rows.some((row) => row.severities[severity]));
  const most = Object.fromEntries(shown.map((severity) => [severity, Math.max(...rows.map((row) => row.severities[severity] ?? 0))]));
  const name = (row) => (column === "stage" ? named("stage", row.stage) : row[column] || t("overview.no_entity"));
  const cell = (row, severity) => {
    const n = row.severities[severity] ?? 0;
    if (!n) return h("td", { class: "heat none" }, h("span", { class: "only-read" }, "0"));
    const depth = Math.min(DEEPEST[severity], Math.ceil((n / most[severity]) * 3));
    const to = `/alerts${query({ standing: NOT_CLOSED, severity, [column]: row[column] })}`;
    const words = t("overview.cell", { n, severity: named("severity", severity), of: name(row) });
    return h("td", { class: `heat sev-${severity} depth-${depth}` }, h("a", { href: to, "aria-label": words, dataset: { held: `${column} ${row[column]} ${severity}` } }, number(n)));
  };
  const body = rows.slice(0, 12).map((row) => {
    const to = `/alerts${query({ standing: NOT_CLOSED, [column]: row[column] })}`;
    return h("tr", {}, h("th", { scope: "row" }, row[column] ? h("a", { href: to }, name(row)) : name(row)), shown.map((severity) => cell(row, severity)));
  });
  const heads = shown.map((severity) => h("th", { scope: "col" }, named("severity", severity)));
  return card(label, h("table", { class: "heats", "aria-label": label }, h("thead", {}, h("tr", {}, h("td", {}), heads)), h("tbody", {}, body)));
}
