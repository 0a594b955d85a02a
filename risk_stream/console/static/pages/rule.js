// One rule: how it does, what it says, what became of its alerts, and the way to try a change of it.

import { get, query as asQuery } from "../lib/api.js";
import { bars, columns } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { named, number, percent, t, when } from "../lib/i18n.js";
import { may } from "../lib/me.js";
import { badge, button, card, empty, facts, head, loading, moment, say, standing, table, tag } from "../lib/parts.js";
import { shortFile, startBacktest } from "./backtests.js";
import { TONES, modeTag } from "./rules.js";
import "../words/rules.js";

const ENDS = ["confirmed", "false_alarm", "known", "other", "withdrawn"];
const ENDS_TONES = { confirmed: "good", false_alarm: "bad" };

export function title(params) {
  return params.id;
}

export async function show(root, params) {
  const path = `/v1/rules/${encodeURIComponent(params.id)}`;
  replace(root, head(params.id), loading());
  const [found, fired] = await Promise.all([get(path), get(`${path}/fired`, { hours: 168 })]);
  const row = found.row;
  const alerts = `/alerts${asQuery({ rule: row.id })}`;
  const attempt = may("backtest") && button(t("rule.try"), () => tryChange(path, row.id));
  const lead = h("p", { class: "lead" }, row.decides ? null : badge(row.severity), " ", modeTag(row), " ", tag(named("rulestate", row.state), TONES[row.state]), ` ${named("stage", row.stage)} · ${row.owner}`);
  const versions = h("div", {});
  const more = h("details", { class: "card", on: { toggle: () => more.open && fillVersions(versions, path) } }, h("summary", {}, h("strong", {}, t("rule.more"))), h("div", { class: "stack" }, tests(found), h("h3", {}, t("rule.versions")), versions, h("h3", {}, `${t("rule.source")}: ${shortFile(found.file)}:${found.line}`), h("pre", { class: "source", tabindex: "0" }, found.source)));
  replace(
    root,
    head(row.id, lead, ...(attempt ? [attempt] : []), h("a", { class: "button", href: alerts }, t("rule.alerts"))),
    found.last_error && h("p", { class: "noticed", role: "status" }, `${t("rule.error")} (${when(found.error_time)}): ${found.last_error}`),
    row.decides ? null : tiles(row, alerts),
    h("div", { class: "cards" }, says(found), row.decides ? null : firedCard(fired), row.decides ? null : ends(row, alerts), shadow(row)),
    found.rows.length > 0 && card(t("rule.rows"), rowsOf(found.rows)),
    found.features.length > 0 && card(t("rule.features"), features(found.features), cost(found.cost)),
    row.decides ? null : card(t("rule.last"), { actions: found.alerts.total ? [h("a", { href: alerts }, t("rule.all_alerts", { n: found.alerts.total }))] : null }, lastAlerts(found.alerts.items)),
    more,
  );
}

async function tryChange(path, rule) {
  try {
    const { file, text, line } = await get(`${path}/file`);
    await startBacktest({ rule, file, text, line });
  } catch (error) {
    say(error.sentence || t("no_answer"), "bad");
  }
}

function tile(value, words, { href = null, hint = "", tone = "" } = {}) {
  return h(href ? "a" : "div", { class: ["figure", tone && `tone-${tone}`], href }, h("strong", {}, value), h("span", {}, words), hint && h("small", {}, hint));
}

function tiles(row, alerts) {
  const known = row.right + row.wrong;
  const hint = known ? t("rule.precise_hint", { right: row.right, wrong: row.wrong }) : t("rule.never_closed");
  const closed = `${alerts}&standing=closed`;
  return h(
    "div",
    { class: "figures" },
    tile(number(row.day), t("rule.in_day"), { href: alerts }),
    tile(number(row.week), t("rule.in_week"), { href: alerts }),
    tile(number(row.open), t("rule.not_closed"), { href: `${alerts}&standing=open,acknowledged` }),
    tile(known ? percent(row.precision, 0) : "–", t("rule.precise"), { href: known ? closed : null, hint }),
    tile(row.judged === null ? "–" : number(row.judged), t("rule.judged"), { hint: row.judged === null ? t("rule.not_known") : "" }),
    tile(row.cost === null ? "–" : percent(row.cost), t("rule.takes"), { hint: row.cost === null ? t("rule.not_known") : "" }),
  );
}

function says(found) {
  const at = found.decisions.map((one) => `${one.type}: ${one.hop}`).join(", ");
  const after = [...new Set(found.decisions.map((one) => one.after).filter(Boolean))].join(", ");
  return card(
    t("rule.says"),
    { wide: true },
    h("p", { class: "rule-words" }, found.row.decides ? t("rule.decides_when") : t("rule.fires_when"), " ", h("strong", {}, found.words)),
    facts([
      [t("rule.why"), found.why],
      [t("rule.as_written"), h("code", { class: "wraps" }, found.when)],
      [t("rule.on"), found.on.join(", ")],
      [t("rule.sentence"), found.row.decides ? "" : found.summary],
      [t("rules.severity"), found.row.decides ? "" : /^\w+$/.test(found.severity_words) ? named("severity", found.severity_words) : found.severity_words],
      [t("rule.score"), found.score],
      [t("rule.action"), found.action],
      [t("rule.after"), after],
      [t("rule.days"), found.days],
      [t("rule.at_most"), found.at_most],
      [t("rule.group"), found.row.group],
      [t("rule.tags"), found.row.tags.join(", ")],
      [t("rule.hop"), at],
      [t("rule.version"), h("code", {}, found.version)],
    ]),
  );
}

function firedCard(fired) {
  const values = fired.items.map(({ hour, ...by }) => Object.values(by).reduce((sum, n) => sum + n, 0));
  const all = values.reduce((sum, n) => sum + n, 0);
  const title = (n, at) => t("rule.fired_hour", { when: when(fired.items[at].hour, { seconds: false }), n });
  if (!all) return card(t("rule.fired"), empty(t("rule.fired_none")));
  const first = fired.items[0].hour;
  const last = fired.items.at(-1).hour;
  return card(t("rule.fired"), columns(values, { label: t("rule.fired_label", { n: all }), title }), h("p", { class: "key" }, h("span", {}, when(first, { seconds: false })), h("span", {}, "→"), h("span", {}, when(last, { seconds: false })), h("span", {}, t("rule.fired_label", { n: all }))));
}

function ends(row, alerts) {
  const rows = ENDS.filter((name) => row.closed[name]).map((name) => ({ label: named("disposition", name), value: row.closed[name], tone: ENDS_TONES[name], href: `${alerts}&standing=closed&disposition=${name}` }));
  return card(t("rule.ends"), rows.length ? bars(rows, { label: t("rule.ends") }) : empty(t("rule.ends_none")), h("p", { class: "under" }, t("rule.ends_hint")));
}

function shadow(row) {
  if (row.mode === "off" || (row.mode === "live" && !row.share)) return null;
  const words = h("p", { class: "muted" }, row.share ? t("rule.shadow_share", { share: row.share }) : t("rule.shadow_only"));
  if (row.judged === null) return card(t("rule.shadow"), words, empty(t("rule.shadow_unknown")));
  const both = bars([
    { label: t("rule.shadow_live"), value: row.live, of: Math.max(row.live, row.shadow, 1) },
    { label: t("rule.shadow_shadow"), value: row.shadow, of: Math.max(row.live, row.shadow, 1), tone: "warn" },
  ]);
  return card(t("rule.shadow"), words, h("p", {}, t("rule.shadow_same", { judged: row.judged })), both);
}

function features(items) {
  return table({
    label: t("rule.features"),
    rows: items,
    columns: [
      { key: "name", label: t("rule.feature"), cell: (one) => h("code", {}, one.name) },
      { key: "means", label: t("rule.means"), grow: true },
      { key: "key", label: t("rule.by") },
      { key: "window", label: t("rule.window") },
    ],
  });
}

function cost(one) {
  const hops = Object.entries(one.hops).map(([type, more]) => `${type}: ${more.join(", ")}`);
  const longer = Object.entries(one.longer).map(([kind, [before, after]]) => `${kind}: ${before || "–"} → ${after}`);
  const pairs = [
    [t("rule.cost_hops"), hops.join("; ")],
    [t("rule.cost_features"), one.features.join(", ")],
    [t("rule.cost_longer"), longer.join("; ")],
    [t("rule.cost_carried"), one.carried.join(", ")],
  ];
  const some = pairs.some(([, value]) => value);
  return h("div", { class: "stack" }, h("h3", {}, t("rule.cost_words")), some ? facts(pairs) : h("p", { class: "muted" }, t("rule.cost_none")));
}

function rowsOf(items) {
  return table({
    label: t("rule.rows"),
    rows: items,
    columns: [
      { key: "verdict", label: t("rule.verdict") },
      { key: "when", label: t("rule.where"), cell: (one) => h("code", { class: "wraps" }, one.when) },
      { key: "reason", label: t("rule.because"), grow: true },
    ],
  });
}

function lastAlerts(items) {
  return table({
    label: t("rule.last"),
    nothing: t("rule.last_none"),
    rows: items,
    href: (one) => `/alerts/${encodeURIComponent(one.id)}`,
    columns: [
      { key: "time", label: t("rule.time"), cell: (one) => moment(one.time, { seconds: false }) },
      { key: "severity", label: t("rules.severity"), cell: (one) => badge(one.severity) },
      { key: "summary", label: t("rule.what"), grow: true },
      { key: "standing", label: t("rule.standing"), cell: standing },
    ],
  });
}

function tests(found) {
  if (!found.tests.length) return h("p", { class: "muted" }, t("rule.tests_none"));
  const words = (then) => (["fires", "quiet"].includes(then) ? t(`rule.then.${then}`) : then);
  return table({
    label: t("rule.tests"),
    rows: found.tests,
    columns: [
      { key: "name", label: t("rule.test"), grow: true },
      { key: "then", label: t("rule.then"), cell: (one) => tag(words(one.then)) },
    ],
  });
}

async function fillVersions(root, path) {
  if (root.children.length) return;
  replace(root, h("p", { class: "muted", "aria-busy": "true" }, t("loading")));
  try {
    const { items, reading } = await get(`${path}/versions`);
    if (reading) return void (root.isConnected && (replace(root), fillVersions(root, path)));
    replace(
      root,
      table({
        label: t("rule.versions"),
        nothing: t("rule.versions_none"),
        rows: items,
        columns: [
          { key: "version", label: t("rule.version"), cell: (one) => h("code", {}, one.version || "–") },
          { key: "changed", label: t("rule.changed"), cell: (one) => one.changed.join(", ") },
          { key: "when", label: t("rule.when"), cell: (one) => (one.when ? moment(Date.parse(one.when), { seconds: false }) : t("rule.not_committed")) },
          { key: "by", label: t("rule.whom") },
          { key: "subject", label: t("plans.comment"), grow: true },
        ],
      }),
    );
  } catch (error) {
    replace(root, h("p", { class: "muted" }, error.sentence || t("no_answer")));
  }
}
