// One customer or group: how it stands and why, how that came about, its alerts, loans, accounts and events.

import { get } from "../lib/api.js";
import { alertBriefs } from "../lib/brief.js";
import { bars, lines } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { number, t, when } from "../lib/i18n.js";
import { badge, card, choice, head, moment, table, tag } from "../lib/parts.js";
import { customerRows, revealButton } from "../lib/reveal.js";
import { timelineCard } from "../lib/timeline.js";
import { openOf, to } from "./customers.js";
import "../words/customers.js";

const DAYS = [7, 30, 90, 365];
const SHOWN = 8; // reasons and changes

export function title(params) {
  return `${t("kind.customer")} ${params.key}`;
}

export async function show(root, params, given) {
  const kind = given.kind === "group" ? "group" : "customer";
  const path = `/v1/customers/${encodeURIComponent(params.key)}`;
  const [found, alerts] = await Promise.all([get(path, { kind }), get("/v1/alerts", { kind, key: params.key, sort: "-since", limit: 8 })]);
  const revealed = h("div", {});
  const chart = h("div", {});
  const events = h("div", {});
  const group = found.group && h("a", { href: to("group", found.group) }, t("customer.of_group", { group: found.group }));
  const reveal = kind === "customer" && revealButton(`${path}/reveal`, revealed, customerRows);
  replace(
    root,
    head(`${t(`kind.${kind}`)} ${found.key}`, h("span", {}, openOf(found.open), group && " · ", group), reveal),
    revealed,
    h(
      "div",
      { class: "cards" },
      stands(found),
      why(found),
      alertsOf(kind, found, alerts),
      belongings(found),
      found.history.length > 0 && card(t("customer.history"), { wide: true }, chart, changes(found.history)),
    ),
    kind === "customer" && [days(path, events), events],
  );
  const drawn = found.history.length > 1 ? await course(chart, found) : null;
  if (kind === "customer") timelineCard(events, `${path}/timeline`, { params: { days: 30 } });
  return () => drawn?.stop();
}

function stands(found) {
  const profile = found.profile;
  if (!profile) return card(t("customer.stands"), h("p", { class: "muted" }, t("customer.no_profile", { why: found.profile_why })));
  const grades = Object.keys(profile.lines);
  const worst = grades.indexOf(profile.grade) / Math.max(1, grades.length - 1);
  const tone = worst >= 0.75 ? "bad" : worst >= 0.5 ? "warn" : "good";
  const scale = h("ol", { class: "grades", "aria-hidden": "true" }, grades.map((grade) => h("li", { class: grade === profile.grade && `here tone-${tone}` }, grade)));
  const labels = profile.labels.map((label) => h("li", {}, tag(label.name, "warn"), " ", h("span", { class: "muted" }, t("customer.label_until", { when: when(label.until, { seconds: false }) }))));
  const floors = profile.floors.map((floor) => h("li", {}, t("customer.floor", { grade: floor.grade, when: when(floor.until, { seconds: false }), why: floor.why })));
  const entities = Object.entries(profile.by_entity).sort((one, other) => other[1] - one[1]);
  return card(
    t("customer.stands"),
    h("div", { class: "standing-row" }, h("strong", { class: `grade big tone-${tone}` }, t("customer.grade", { grade: profile.grade })), h("span", {}, t("customer.points", { n: number(profile.score, 1) })), scale),
    !profile.whole && h("p", { class: "muted" }, t("customer.part")),
    (labels.length > 0 || floors.length > 0) && h("ul", { class: "plain" }, labels, floors),
    entities.length > 1 && [h("h3", {}, t("customer.by_entity")), bars(entities.map(([name, value]) => ({ label: name || t("customer.no_entity"), value, text: number(value, 1) })))],
    h("p", { class: "muted" }, moment(profile.as_of, { seconds: false })),
  );
}

function why(found) {
  const profile = found.profile;
  if (!profile) return null;
  const most = Math.max(...profile.reasons.map((reason) => reason.counted), 1);
  const rows = profile.reasons.slice(0, SHOWN).map((reason) =>
    h(
      "li",
      {},
      bars([{ label: reason.rule, href: `/rules/${encodeURIComponent(reason.rule)}`, value: reason.counted, of: most, text: t("customer.why_points", { n: number(reason.counted, 1) }), tone: ["critical", "high"].includes(reason.severity) ? "bad" : "warn" }]),
      h(
        "p",
        { class: "muted" },
        badge(reason.severity),
        " ",
        found.kind === "group" && [h("a", { href: to("customer", reason.customer) }, reason.customer), " "],
        h("a", { href: `/alerts/${encodeURIComponent(reason.alert)}` }, reason.summary || when(reason.time, { seconds: false })),
        reason.alerts > 1 && ` · ${t("customer.alerts_of_rule", { n: reason.alerts })}`,
      ),
    ),
  );
  const left = profile.reasons.slice(SHOWN).reduce((sum, reason) => sum + reason.counted, profile.rest);
  const rest = left > 0.05 && h("p", { class: "muted" }, `${number(left, 1)} · ${t("customer.rest")}`);
  return card(t("customer.why"), h("ul", { class: "plain reasons" }, rows), rest);
}

function alertsOf(kind, found, alerts) {
  const all = found.alerts > 0 && h("a", { href: `/alerts?kind=${kind}&key=${encodeURIComponent(found.key)}&standing=open,acknowledged,closed` }, t("customer.all_alerts", { n: found.alerts }));
  const list = alertBriefs(alerts.items, t("customer.no_alerts"));
  return card(t("customer.alerts"), { actions: all }, list);
}

function belongings(found) {
  const linked = (items, href) => (items.length ? h("ul", { class: "links" }, items.map((item) => h("li", {}, h("a", { href: href(item.key ?? item) }, item.key ?? item)))) : h("p", { class: "muted" }, t("customer.none")));
  const parts = [];
  if (found.kind === "group") parts.push([t("customer.members"), linked(found.members, (key) => to("customer", key))]);
  parts.push([t("customer.loans"), linked(found.loans, (key) => `/loans/${encodeURIComponent(key)}`)]);
  parts.push([t("customer.accounts"), linked(found.accounts, (key) => `/alerts?kind=account&key=${encodeURIComponent(key)}`)]);
  if (found.cases.length) parts.push([t("customer.cases"), linked(found.cases, (key) => `/cases/${encodeURIComponent(key)}`)]);
  return card(`${t("customer.loans")} · ${t("customer.accounts")}`, parts.map(([name, list]) => [h("h3", {}, name), list]));
}

// The points over time, and the lines at which a worse grade begins.
function course(root, found) {
  const past = [...found.history].reverse();
  const x = past.map((one) => one.time);
  const y = past.map((one) => one.score);
  if (found.profile.as_of > x.at(-1)) {
    x.push(found.profile.as_of);
    y.push(found.profile.score);
  }
  const top = Math.max(...y);
  const grades = Object.entries(found.profile.lines).filter(([, line]) => line > 0);
  const near = grades.filter(([, line], at) => line <= top || at === grades.findIndex(([, one]) => one > top));
  const series = [{ label: t("customer.history_points"), values: y }];
  for (const [grade, line] of near) series.push({ label: t("customer.line", { grade }), values: x.map(() => line), dash: [4, 4], tone: "muted" });
  return lines(root, { x, series, height: 180, label: t("customer.history") });
}

function changes(history) {
  const rows = history.slice(0, SHOWN).map((row, at) => ({ ...row, changed: changed(row, history[at + 1]) }));
  const columns = [
    { key: "time", label: t("customer.when"), cell: (row) => moment(row.time, { seconds: false }) },
    { key: "grade", label: t("customers.grade"), cell: (row) => h("span", { class: "grade" }, row.grade) },
    { key: "score", label: t("customers.score"), num: true, cell: (row) => number(row.score, 1) },
    { key: "changed", label: t("customer.what_changed"), grow: true, cell: (row) => row.changed },
  ];
  return table({ columns, rows, label: t("customer.history") });
}

// What differs from the change before, in words; the first of all begins from nothing.
function changed(row, before) {
  const words = [];
  if (before && before.grade !== row.grade) words.push(t("customer.grade_from", { from: before.grade, to: row.grade }));
  if (before && Math.round(before.score) !== Math.round(row.score)) words.push(t("customer.points_from", { from: number(before.score, 0), to: number(row.score, 0) }));
  const had = before?.labels ?? [];
  for (const label of row.labels) if (!had.includes(label)) words.push(t("customer.label_stands", { label }));
  for (const label of had) if (!row.labels.includes(label)) words.push(t("customer.label_ended", { label }));
  return words.join(t("customer.and")) || t("customer.first");
}

function days(path, events) {
  const pairs = DAYS.map((count) => [String(count), t("customer.days", { n: count })]);
  const read = (value) => timelineCard(events, `${path}/timeline`, { params: { days: value } });
  return h("label", { class: "inline events-of" }, h("span", {}, t("customer.events")), choice("days", pairs, "30", read));
}
