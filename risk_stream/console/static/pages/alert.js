// One alert: what it says, who has it, what can be done with it, and why it was raised.

import { act, ask, mayWork } from "../lib/acts.js";
import { get, query } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { ago, named, number, t, when } from "../lib/i18n.js";
import { keys } from "../lib/keys.js";
import * as live from "../lib/live.js";
import { may } from "../lib/me.js";
import { badge, button, card, empty, facts, failed, loading, moment, since, standing, table, tag } from "../lib/parts.js";
import { conditionCard } from "../lib/why.js";
import { alertRows, revealButton } from "../lib/reveal.js";
import { timelineCard } from "../lib/timeline.js";
import "../words/alert.js";

export function title(params) {
  return `${t("alert.title")} ${params.id}`;
}

export async function show(root, { id }) {
  const path = `/v1/alerts/${encodeURIComponent(id)}`;
  let alert = await get(path);
  const place = { top: h("div", {}), why: h("div", { class: "stack" }), side: h("div", { class: "stack" }), timeline: h("div", {}), similar: h("div", {}), revealed: h("div", {}) };
  const reload = async () => {
    try {
      alert = await get(path);
      draw();
    } catch {
      // what is shown stays; the connection's mark says that it may be old
    }
  };
  const work = async (name) => {
    if (!mayWork() || !verbs(alert).includes(name)) return;
    if ((await ask(name, (verb, more) => act(verb, [alert], more))) !== null) await reload(); // refused too: it is not as shown
  };
  const draw = () => {
    const held = document.activeElement?.dataset?.act;
    replace(place.top, top(alert, work));
    replace(place.why, ...reasons(alert));
    replace(place.side, about(alert, place.revealed), place.revealed, history(alert));
    if (held) (place.top.querySelector(`[data-act="${held}"]`) ?? place.top.querySelector("button"))?.focus();
  };
  draw();
  replace(root, place.top, h("div", { class: "alert-page" }, h("div", { class: "stack" }, place.why, place.timeline, place.similar), place.side));
  timelineCard(place.timeline, `${path}/timeline`, { about: alert.event });
  similarCard(place.similar, path);

  const offs = [
    live.on("alerts", ({ changed }) => changed.some((row) => row.id === id && row.version !== alert.version) && reload()),
    live.on("again", reload),
    keys({ a: () => void work("acknowledge"), c: () => void work("close"), e: () => void work("escalate"), m: () => void work("comment"), s: () => void work("assign") }),
  ];
  return () => offs.forEach((off) => off());
}

// What can be done with an alert as it stands, the likeliest first.
function verbs(alert) {
  if (alert.standing === "closed") return alert.followed_by || alert.state === "withdrawn" ? ["comment"] : ["reopen", "comment"];
  const asleep = alert.asleep_until && alert.asleep_until > Date.now();
  return [alert.standing === "open" && "acknowledge", "close", "assign", "escalate", asleep ? "wake" : "snooze", "comment"].filter(Boolean);
}

const KEYS = { acknowledge: "a", close: "c", assign: "s", escalate: "e", comment: "m" };

function top(alert, work) {
  const order = verbs(alert);
  const buttons = order.map((name, at) =>
    button(name === "close" ? t("alert.close_as") : t(`acts.${name}`), () => work(name), { tone: at === 0 ? "primary" : "", key: KEYS[name] ?? "", "data-act": name }),
  );
  const who = alert.assignee ? t("alert.has", { who: alert.assignee }) : alert.standing === "closed" ? "" : t("alert.nobody");
  const marks = [
    badge(alert.severity),
    standing(alert),
    who && h("span", { class: alert.assignee ? "" : "nobody" }, who),
    alert.level > 0 && tag(t("alert.level", { n: alert.level }), "warn"),
    alert.silenced_by?.length > 0 && h("a", { href: "/silences", class: "tag tone-warn" }, t("alert.silenced")),
    alert.inhibited_by && h("a", { href: `/alerts/${encodeURIComponent(alert.inhibited_by)}`, class: "tag tone-warn" }, t("alert.inhibited")),
    h("span", { class: "muted" }, since(alert.since)),
  ];
  return h(
    "header",
    { class: "alert-head" },
    h("div", { class: "row" }, marks),
    h("h1", {}, alert.summary || alert.rule),
    alert.state === "withdrawn" && alert.disposition !== "withdrawn" && h("p", { class: "note" }, t("alert.withdrawn")),
    alert.follows && h("p", { class: "note" }, t("alert.follows"), " ", h("a", { href: `/alerts/${encodeURIComponent(alert.follows)}` }, alert.follows)),
    alert.followed_by && h("p", { class: "note" }, t("alert.followed"), " ", h("a", { href: `/alerts/${encodeURIComponent(alert.followed_by)}` }, alert.followed_by)),
    mayWork() && h("div", { class: "actions", role: "toolbar", "aria-label": t("alert.acts") }, buttons),
  );
}

function reasons(alert) {
  if (!alert.features && !alert.condition) return [card(t("alert.why"), empty(t("alert.forgotten")))];
  return [conditionCard(alert), values(alert)];
}

// The values that the rule looked at; where a late event changed them, what they were before.
function values(alert) {
  const rows = Object.entries(alert.features ?? {}).map(([name, value]) => ({ name, value, was: alert.was?.[name] }));
  if (!rows.length) return null;
  const revised = Boolean(alert.was);
  const marks = (row) => [
    alert.inexact?.includes(row.name) && !alert.warming?.includes(row.name) && tag(t("alert.inexact"), "warn"),
    alert.warming?.includes(row.name) && tag(t("alert.warming"), "warn"),
  ];
  const changed = (row) => revised && row.was !== undefined && row.was !== row.value;
  const columns = [
    { key: "name", label: t("alert.name"), cell: (row) => h("code", {}, row.name) },
    { key: "value", label: t("alert.value"), cell: (row) => [h("span", { class: changed(row) ? "changed" : "" }, shown(row.value)), " ", marks(row)] },
    revised && { key: "was", label: t("alert.was"), cell: (row) => h("span", { class: "muted" }, changed(row) ? shown(row.was) : t("alert.same")) },
  ].filter(Boolean);
  const list = table({ columns, rows, label: t("alert.values") });
  if (revised) return card(t("alert.values_revised"), list);
  return h("details", { class: "card" }, h("summary", {}, t("alert.all_values", { n: rows.length })), list);
}

function shown(value) {
  if (value === null || value === undefined) return t("alert.unknown");
  if (typeof value === "number") return value > 1e12 && value < 1e13 ? when(value) : number(value); // ms since 1970
  if (typeof value === "boolean") return t(value ? "alert.yes" : "alert.no");
  return String(value);
}

// To a silence of this rule for this subject, which can be widened there.
function silenceLink(alert) {
  if (!may("silence") || alert.standing === "closed") return null;
  const one = alert.case_row ?? {};
  const subject = one.kind && one.kind !== "rule" ? { kind: one.kind, key: one.key } : {};
  return h("a", { class: "button", href: `/silences${query({ new: 1, rule: alert.rule, ...subject })}` }, t("reveal.silence"));
}

function about(alert, revealed) {
  const keysOf = Object.entries(alert.keys ?? {}).map(([kind, key]) => [named("kind", kind), keyLink(kind, key)]);
  const one = alert.case_row;
  return card(
    t("alert.about"),
    facts([
      ...keysOf,
      [t("alert.case"), one ? h("a", { href: `/cases/${encodeURIComponent(one.id)}` }, t("alert.case_words", { n: one.open, all: one.alerts })) : null],
      [t("alert.rule"), h("a", { href: `/rules/${encodeURIComponent(alert.rule)}` }, alert.rule)],
      [t("alert.stage"), named("stage", alert.stage)],
      [t("alert.entity"), alert.entity],
      [t("alert.owner"), alert.owner],
      [t("alert.action"), alert.action && named("action", alert.action)],
      [t("alert.score"), number(alert.score)],
      [t("alert.event_time"), moment(alert.time)],
      [t("alert.event"), alert.event && h("code", {}, `${alert.type} ${alert.event}`)],
      [t("alert.channel"), alert.channel],
    ]),
    h("div", { class: "actions" }, silenceLink(alert), revealButton(`/v1/alerts/${encodeURIComponent(alert.id)}/reveal`, revealed, (said) => alertRows(alert, said))),
  );
}

function keyLink(kind, key) {
  if (kind === "customer") return h("a", { href: `/customers/${encodeURIComponent(key)}` }, key);
  if (kind === "loan") return h("a", { href: `/loans/${encodeURIComponent(key)}` }, key);
  return h("a", { href: `/alerts?standing=any&kind=${encodeURIComponent(kind)}&key=${encodeURIComponent(key)}` }, key);
}

function history(alert) {
  const all = alert.history ?? [];
  const rows = all.map((row, at) => ({ ...row, before: all[at - 1] })).reverse();
  if (!rows.length) return card(t("alert.history"), empty(t("alert.no_history")));
  return card(t("alert.history"), h("ol", { class: "history" }, rows.map((row) => h("li", {}, h("p", {}, what(row)), row.comment && h("p", { class: "comment" }, row.comment), h("p", { class: "muted" }, moment(row.time))))));
}

// One line of the history as a sentence.
function what(row) {
  const by = row.by || t("alert.system");
  if (row.what === "alert" || row.what === "time") {
    if (row.severity_before) return t("alert.did.severity", { before: named("severity", row.severity_before), after: named("severity", row.severity) });
    if (row.standing === "closed" && row.disposition === "withdrawn") return t("alert.did.withdrawn");
    if (row.what === "alert") return t(`alert.did.${row.state}`);
    if (row.level > (row.before?.level ?? 0)) return t("alert.did.rose");
    return t(row.before?.what === "snooze" ? "alert.did.woke" : "alert.did.time");
  }
  const more = { by, to: row.to ?? "", as: row.disposition ? named("disposition", row.disposition).toLowerCase() : "", until: row.until ? ago(row.until) : "" };
  return row.what === "escalate" && row.to ? t("alert.did.escalate_to", more) : t(`alert.did.${row.what}`, more);
}

// Closed alerts of the same rule or subject, and first what became of them.
async function similarCard(root, path) {
  replace(root, card(t("alert.similar"), loading()));
  try {
    const { items } = await get(`${path}/similar`);
    const counts = new Map();
    for (const row of items) counts.set(row.disposition, (counts.get(row.disposition) ?? 0) + 1);
    const words = [...counts].sort((one, other) => other[1] - one[1]).map(([name, n]) => `${named("disposition", name ?? "other")} ${n}`);
    const columns = [
      { key: "disposition", label: t("alert.ended"), cell: (row) => standing(row) },
      { key: "summary", label: t("alert.what"), grow: true, link: true, cell: (row) => row.summary || row.rule },
      { key: "by", label: t("alert.by"), wide: true, cell: (row) => row.assignee },
      { key: "since", label: t("alert.when"), cell: (row) => since(row.since) },
    ];
    const list = items.length ? [h("p", { class: "muted" }, words.join(" · ")), table({ columns, rows: items, href: (row) => `/alerts/${encodeURIComponent(row.id)}`, label: t("alert.similar") })] : [empty(t("alert.no_similar"))];
    replace(root, card(t("alert.similar"), ...list));
  } catch (error) {
    replace(root, card(t("alert.similar"), failed(error, () => similarCard(root, path))));
  }
}
