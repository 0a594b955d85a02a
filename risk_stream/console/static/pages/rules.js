// The rules in force: what each finds, how right it was, what it costs; beside them the plans and the backtests.

import { address } from "../lib/address.js";
import { get, query as asQuery } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { named, number, percent, t, when } from "../lib/i18n.js";
import { may } from "../lib/me.js";
import { badge, choice, failed, field, head, loading, pager, table, tabs, tag } from "../lib/parts.js";
import { backtests, showBacktest, startBacktest } from "./backtests.js";
import { plans, showPlan } from "./plans.js";
import "../words/rules.js";

const LIMIT = 50;
export const TONES = { failing: "bad", idle: "warn", silent: "", well: "good", unknown: "" };
const STAGES = ["pre_loan", "mid_loan", "post_loan", "trading", "portfolio"];

export function title() {
  return t("rules.title");
}

export async function show(root, _, query) {
  if (query.backtest) return showBacktest(root, query.backtest);
  if (query.plan) return showPlan(root, query.plan);
  let leave = null;
  const lead = h("p", { class: "lead" });
  const start = may("backtest") ? h("button", { type: "button", on: { click: () => startBacktest({}) } }, t("bt.start")) : null;
  const heading = head(t("rules.title"), lead, ...(start ? [start] : []));
  const items = [
    { id: "rules", label: t("rules.tab.rules"), show: (panel) => (leave = list(panel, lead, query)) },
    { id: "plans", label: t("rules.tab.plans"), show: (panel) => void plans(panel) },
  ];
  if (may("backtest")) items.push({ id: "backtests", label: t("rules.tab.backtests"), show: (panel) => (leave = backtests(panel)) });
  const known = items.some((one) => one.id === query.tab) ? query.tab : "rules";
  replace(root, heading, tabs(items, known, (id) => address(id === "rules" ? "/rules" : `/rules?tab=${id}`)));
  return () => leave?.();
}

// The list with its filters; what is asked for stands in the address.
function list(panel, lead, query) {
  const asked = { sort: query.sort || "-week", offset: Number(query.offset) || 0 };
  for (const name of ["stage", "severity", "owner", "mode", "state", "q"]) asked[name] = query[name] ?? "";
  const filters = h("div", { class: "filters" });
  const below = h("div", { class: "stack" });
  let waiting = 0;
  replace(panel, filters, below);
  replace(below, loading());

  const change = (next) => {
    Object.assign(asked, { offset: 0 }, next);
    address(`/rules${asQuery({ ...asked, offset: asked.offset || "", sort: asked.sort === "-week" ? "" : asked.sort })}`);
    return load();
  };
  async function load() {
    try {
      const found = await get("/v1/rules", { ...asked, limit: LIMIT });
      say(lead, found);
      if (!filters.children.length) fill(filters, asked, found, change, (ms, act) => (clearTimeout(waiting), (waiting = setTimeout(act, ms))));
      replace(below, notices(found), rows(found, asked, change), pager({ ...found, go: (offset) => change({ offset }) }));
    } catch (error) {
      replace(below, failed(error, load));
    }
  }
  load();
  const again = setInterval(() => !document.hidden && load(), 15000);
  return () => (clearInterval(again), clearTimeout(waiting));
}

function say(lead, found) {
  const since = found.since && t("rules.since", { workers: t("rules.workers", { n: found.workers }), since: when(found.since, { seconds: false }) });
  replace(lead, [t("rules.lead", { n: found.rules, plan: found.plan }), since].filter(Boolean).join(", "));
}

function notices(found) {
  return [
    found.problem && h("div", { class: "failed", role: "alert" }, h("div", {}, h("p", {}, t("rules.problem")), h("p", { class: "wraps" }, found.problem))),
    found.silent.length > 0 && h("p", { class: "muted" }, t("rules.no_worker", { at: found.silent.join(", ") })),
    found.plans.length > 1 && h("p", { class: "muted" }, t("rules.plans_differ", { plans: found.plans.join(", ") })),
  ];
}

function fill(root, asked, found, change, later) {
  const one = (name, values, group) =>
    field(t(`rules.${name}`), choice(name, [["", t("rules.any")], ...values.map((value) => [value, group ? named(group, value) : value])], asked[name], (value) => change({ [name]: value })));
  const type = (event) => later(250, () => change({ q: event.target.value }));
  const find = field(t("rules.find"), h("input", { type: "search", name: "q", value: asked.q, maxlength: 200, placeholder: t("rules.find_hint"), on: { input: type } }));
  find.classList.add("grow");
  replace(
    root,
    find,
    one("stage", STAGES, "stage"),
    one("severity", ["critical", "high", "medium", "low", "info"], "severity"),
    one("mode", ["live", "shadow", "off"], "mode"),
    one("state", ["failing", "idle", "silent", "well"], "rulestate"),
    one("owner", found.owners),
  );
}

function rows(found, asked, change) {
  const alerts = (row, n, more) => (n ? h("a", { href: `/alerts${asQuery({ rule: row.id, ...more })}` }, number(n)) : number(n));
  return table({
    label: t("rules.title"),
    nothing: t("rules.none"),
    rows: found.items,
    sort: asked.sort,
    onSort: (sort) => change({ sort }),
    href: (row) => `/rules/${encodeURIComponent(row.id)}`,
    columns: [
      { key: "id", label: t("rules.rule"), sort: true, grow: true },
      { key: "stage", label: t("rules.stage"), sort: true, cell: (row) => h("span", { class: "unbroken" }, named("stage", row.stage)) },
      { key: "severity", label: t("rules.severity"), sort: true, cell: (row) => (row.decides ? "–" : badge(row.severity)) },
      { key: "owner", label: t("rules.owner"), sort: true, wide: true },
      { key: "mode", label: t("rules.mode"), sort: true, cell: (row) => modeTag(row) },
      { key: "state", label: t("rules.state"), sort: true, wide: true, cell: (row) => tag(named("rulestate", row.state), TONES[row.state]) },
      { key: "day", label: t("rules.day"), sort: true, num: true, cell: (row) => alerts(row, row.day) },
      { key: "week", label: t("rules.week"), sort: true, num: true, cell: (row) => alerts(row, row.week) },
      { key: "open", label: t("rules.open"), sort: true, num: true, cell: (row) => alerts(row, row.open, { standing: ["open", "acknowledged"] }) },
      { key: "precision", label: t("rules.precision"), sort: true, num: true, cell: precision },
      { key: "cost", label: t("rules.cost"), sort: true, num: true, wide: true, cell: (row) => percent(row.cost) },
    ],
  });
}

export function modeTag(row) {
  return tag(row.share ? `${named("mode", row.mode)} ${row.share}` : named("mode", row.mode), row.mode === "live" && !row.share ? "" : "warn");
}

function precision(row) {
  if (row.precision === null) return "–";
  return h("span", {}, percent(row.precision, 0), h("span", { class: "under" }, t("rules.precision_of", { right: row.right, known: row.right + row.wrong })));
}

