// Data quality: what was refused and why, how fresh each origin is, what waits, what events leave out.

import { address } from "../lib/address.js";
import { get, query as asQuery } from "../lib/api.js";
import { lines } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { number, percent, span, t, when } from "../lib/i18n.js";
import { card, empty, facts, failed, field, head, loading, meter, moment, pager, since, table, tag } from "../lib/parts.js";
import "../words/quality.js";

const LIMIT = 50;
const DAY = 86400000;
const STALE = 3600000; // ms: an origin that is silent for longer is shown so
const FEW = 6; // types that are shown at once
const MANY = 8; // reasons that are drawn

export function title() {
  return t("quality.title");
}

export async function show(root, _, query) {
  if (query.rejects !== undefined) return records(root, query);
  let chart = null;
  const body = h("div", { class: "stack" });
  replace(root, head(t("quality.title"), t("quality.lead"), h("a", { class: "button", href: "/quality?rejects" }, t("quality.all"))), body);
  replace(body, loading());
  async function load() {
    const found = await get("/v1/quality");
    chart?.stop();
    chart = null;
    const place = h("div", {});
    replace(
      body,
      tiles(found),
      h("div", { class: "cards" }, rejects(found, place), origins(found), hops(found), late(found)),
      card(t("quality.complete"), h("p", { class: "under" }, t("quality.complete_hint")), complete(found.filled)),
    );
    chart = await draw(place, found.hours);
  }
  await load();
  const again = setInterval(() => !document.hidden && load().catch((error) => replace(body, failed(error, load))), 30000);
  return () => (clearInterval(again), chart?.stop());
}

function tile(value, words, { href = null, tone = "" } = {}) {
  return h(href ? "a" : "div", { class: ["figure", tone && `tone-${tone}`], href }, h("strong", {}, value), h("span", {}, words));
}

function tiles(found) {
  const sum = (name) => found.rejects.reduce((all, row) => all + row[name], 0);
  const came = found.origins.map((one) => one.came).filter(Boolean);
  const oldest = came.length ? found.at - Math.min(...came) : null;
  const waits = [...found.origins, ...found.hops].map((one) => one.lag).filter((lag) => lag !== null);
  const fields = found.filled.filter((one) => one.filled !== null);
  const events = fields.reduce((all, one) => all + one.events, 0);
  const said = events ? fields.reduce((all, one) => all + one.filled * one.events, 0) / events : null;
  return h(
    "div",
    { class: "figures" },
    tile(number(sum("day")), t("quality.refused_day"), { href: link({ from: found.at - DAY }), tone: sum("day") ? "warn" : "" }),
    tile(number(sum("week")), t("quality.refused_week"), { href: link({ from: found.at - 7 * DAY }) }),
    tile(oldest === null ? "–" : span(Math.max(0, oldest)), t("quality.oldest"), { tone: oldest > STALE ? "warn" : "" }),
    tile(waits.length ? number(waits.reduce((all, lag) => all + lag, 0)) : "–", t("quality.waits")),
    tile(found.late ? number(found.late.refused) : "–", t("quality.late_refused"), { href: link({ reason: "late" }) }),
    tile(said === null ? "–" : percent(said, 0), t("quality.filled")),
  );
}

function link(more) {
  return `/quality${asQuery({ rejects: "1", ...more })}`;
}

function rejects(found, place) {
  const words = found.since && t(found.skipped ? "quality.rejects_skipped" : "quality.rejects_since", { since: when(found.since, { seconds: false }), n: found.skipped });
  return card(
    t("quality.rejects"),
    { wide: true },
    table({
      label: t("quality.rejects"),
      nothing: t("quality.rejects_none"),
      rows: found.rejects,
      href: (row) => link({ reason: row.reason, topic: row.topic }),
      columns: [
        { key: "reason", label: t("quality.reason"), grow: true },
        { key: "topic", label: t("quality.topic") },
        { key: "day", label: t("quality.day"), num: true, cell: (row) => number(row.day) },
        { key: "week", label: t("quality.week"), num: true, cell: (row) => number(row.week) },
        { key: "newest", label: t("quality.newest"), cell: (row) => since(row.newest) },
      ],
    }),
    place,
    words && h("p", { class: "under" }, words),
  );
}

async function draw(place, hours) {
  const sum = (values) => values.reduce((all, n) => all + n, 0);
  const reasons = Object.entries(hours.reasons).sort(([, a], [, b]) => sum(b) - sum(a)).slice(0, MANY);
  if (!reasons.length) return null;
  return lines(place, { x: hours.x, series: reasons.map(([label, values]) => ({ label, values })), height: 180, label: t("quality.over_time") });
}

function origins(found) {
  return card(
    t("quality.origins"),
    { wide: true },
    table({
      label: t("quality.origins"),
      rows: found.origins,
      columns: [
        { key: "origin", label: t("quality.origin"), grow: true, cell: (row) => `${row.topic}/${row.partition}` },
        { key: "came", label: t("quality.came"), cell: (row) => (row.came === null ? h("span", { class: "muted" }, t("quality.never")) : found.at - row.came > STALE ? tag(since(row.came).textContent, "warn") : since(row.came)) },
        { key: "clock", label: t("quality.clock"), cell: (row) => (row.clock === null ? "–" : moment(row.clock)) },
        { key: "records", label: t("quality.records"), num: true, wide: true, cell: (row) => number(row.records) },
        { key: "lag", label: t("quality.lag"), num: true, cell: (row) => (row.lag === null ? "–" : number(row.lag)) },
      ],
    }),
  );
}

function hops(found) {
  const known = (value) => (value === null ? "–" : number(value));
  const behind = (row) => (found.clocks?.[row.hop] === undefined ? "–" : span(Math.max(0, found.clocks[row.hop] * 1000)));
  const clock = found.clock === "live" ? [{ key: "behind", label: t("quality.behind"), num: true, cell: behind }] : [];
  return card(
    t("quality.hops"),
    table({
      label: t("quality.hops"),
      rows: found.hops,
      columns: [
        { key: "hop", label: t("quality.hop"), grow: true, cell: (row) => (row.hop === "alerts" ? t("quality.hop.alerts") : row.hop) },
        { key: "lag", label: t("quality.lag"), num: true, cell: (row) => known(row.lag) },
        { key: "worst", label: t("quality.worst"), num: true, cell: (row) => known(row.worst) },
        ...clock,
      ],
    }),
  );
}

function late(found) {
  const words = h("p", { class: "under" }, t("quality.late_hint", { lateness: span(found.lateness) }));
  if (!found.late) return card(t("quality.late"), words, empty(t("quality.unknown")));
  const refused = h("a", { href: link({ reason: "late" }) }, number(found.late.refused));
  return card(
    t("quality.late"),
    words,
    facts([
      [t("quality.late_behind"), number(found.late.behind)],
      [t("quality.late_revised"), number(found.late.revised)],
      [t("quality.late_copies"), number(found.late.copies)],
      [t("quality.late_too"), refused],
    ]),
    h("p", { class: "under" }, t("quality.late_of", { n: found.admitted })),
  );
}

// The types that say least; the others on demand.
function complete(items) {
  const sorted = [...items].sort((a, b) => (a.filled ?? 1) - (b.filled ?? 1));
  const rest = sorted.slice(FEW);
  return [completeTable(sorted.slice(0, FEW)), rest.length > 0 && h("details", {}, h("summary", {}, t("quality.more", { n: rest.length })), completeTable(rest))];
}

function completeTable(items) {
  const least = (row) => row.fields.filter((one) => one.filled < 1).slice(0, 6).map((one) => t("quality.field_hint", { field: one.field, share: percent(one.filled, 0) })).join(" · ");
  return table({
    label: t("quality.complete"),
    nothing: t("quality.complete_none"),
    rows: items,
    columns: [
      { key: "type", label: t("quality.type") },
      { key: "events", label: t("quality.events"), num: true, cell: (row) => number(row.events) },
      { key: "filled", label: t("quality.share"), cell: (row) => (row.filled === null ? "–" : h("span", { class: "filled" }, h("span", {}, percent(row.filled, 0)), meter(row.filled, { label: percent(row.filled, 0) }))) },
      { key: "fields", label: t("quality.fields"), grow: true, cell: least },
    ],
  });
}

// The records behind the numbers.
async function records(root, query) {
  const asked = { reason: query.reason ?? "", topic: query.topic ?? "", from: query.from ?? "", to: query.to ?? "", q: query.q ?? "", offset: Number(query.offset) || 0 };
  const below = h("div", { class: "stack" });
  let waiting = 0;
  const change = (next) => {
    Object.assign(asked, { offset: 0 }, next);
    address(`/quality${asQuery({ rejects: "1", ...asked, offset: asked.offset || "" })}`);
    return load();
  };
  const type = (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ q: event.target.value }), 250);
  };
  const find = field(t("quality.find"), h("input", { type: "search", value: asked.q, maxlength: 200, on: { input: type } }));
  find.classList.add("grow");
  const chips = ["reason", "topic"].filter((name) => asked[name]).map((name) => h("button", { type: "button", class: "quiet", on: { click: (event) => (event.target.remove(), change({ [name]: "" })) } }, `${t(`quality.${name}`)}: ${asked[name]} ×`));
  const lead = h("p", { class: "lead" }, h("a", { href: "/quality" }, t("quality.back")), ` · ${t("quality.value_hint")}`);
  replace(root, head(t("quality.records_title"), lead), h("div", { class: "filters" }, find, chips), below);
  replace(below, loading());
  async function load() {
    try {
      const found = await get("/v1/quality/rejects", { ...asked, limit: LIMIT });
      replace(below, listed(found.items), pager({ ...found, go: (offset) => change({ offset }) }));
    } catch (error) {
      replace(below, failed(error, load));
    }
  }
  await load();
  return () => clearTimeout(waiting);
}

function listed(items) {
  return table({
    label: t("quality.records_title"),
    nothing: t("quality.records_none"),
    rows: items,
    columns: [
      { key: "time", label: t("quality.time"), cell: (row) => h("span", { class: "unbroken" }, moment(row.time)) },
      { key: "reason", label: t("quality.reason"), cell: (row) => tag(row.reason) },
      { key: "message", label: t("quality.wrong"), grow: true },
      { key: "record", label: t("quality.record"), cell: (row) => h("code", {}, row.record) },
      { key: "value", label: t("quality.value"), grow: true, cell: said },
    ],
  });
}

function said(row) {
  if (typeof row.value === "string") return h("span", { class: "muted" }, row.value);
  const words = JSON.stringify(row.value);
  const short = words.length > 90 ? `${words.slice(0, 90)}…` : words;
  return h("details", {}, h("summary", {}, h("code", { class: "wraps" }, short)), h("pre", { class: "source", tabindex: "0" }, JSON.stringify(row.value, null, 2)));
}
