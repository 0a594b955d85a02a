// One case: what its alerts say together, how they came, and acts on all that are not closed.

import { actOnCase, act, ask, mayWork } from "../lib/acts.js";
import { get } from "../lib/api.js";
import { columns as bars } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { named, number, t, when } from "../lib/i18n.js";
import { keys } from "../lib/keys.js";
import * as live from "../lib/live.js";
import { badge, button, card, facts, moment, since, standing, table } from "../lib/parts.js";
import { timelineCard } from "../lib/timeline.js";
import "../words/cases.js";

const SEVERITIES = ["info", "low", "medium", "high", "critical"];

export function title(params) {
  return `${t("cases.case")} ${params.id}`;
}

export async function show(root, { id }) {
  const path = `/v1/cases/${encodeURIComponent(id)}`;
  const chosen = new Set();
  let one = worstFirst(await get(path));
  const top = h("div", {});
  const list = h("div", {});
  const side = h("div", { class: "stack" });
  const events = h("div", {});
  const reload = async () => {
    try {
      one = worstFirst(await get(path));
      draw();
    } catch {
      // what is shown stays; the connection's mark says that it may be old
    }
  };
  const work = async (name) => {
    if (!mayWork() || !one.open) return;
    const rows = one.items.filter((row) => chosen.has(row.id));
    const go = (verb, more) => (rows.length ? act(verb, rows, more) : actOnCase(verb, id, more));
    if ((await ask(name, go, { count: rows.length || one.open })) === null) return;
    chosen.clear();
    await reload();
  };
  const draw = () => {
    replace(top, header(one, chosen, work));
    const changed = () => replace(top, header(one, chosen, work));
    const select = mayWork() ? { chosen, id: (row) => row.id, changed } : null;
    const rest = one.total > one.items.length && h("p", { class: "muted" }, h("a", { href: `/alerts?standing=any&case=${encodeURIComponent(id)}` }, t("cases.all", { n: one.total })));
    replace(list, card(t("nav.alerts"), { wide: true }, h("div", { class: "list" }, table({ columns: alertColumns(), rows: one.items, href: (row) => `/alerts/${encodeURIComponent(row.id)}`, label: t("nav.alerts"), select, mark: (row) => (row.standing === "closed" ? "over" : null) })), rest));
    replace(side, about(one), pace(one));
  };
  draw();
  replace(root, top, h("div", { class: "alert-page" }, h("div", { class: "stack" }, list, events), side));
  const worst = one.items.find((row) => row.standing !== "closed") ?? one.items[0];
  if (worst) timelineCard(events, `/v1/alerts/${encodeURIComponent(worst.id)}/timeline`);
  const offs = [
    live.on("alerts", ({ changed, more }) => (more || changed.some((row) => row.case === id)) && reload()),
    live.on("again", reload),
    keys({ a: () => void work("acknowledge"), c: () => void work("close"), s: () => void work("assign") }),
  ];
  return () => offs.forEach((off) => off());
}

// What is not closed comes first, and of that the gravest; the newest of these.
function worstFirst(one) {
  const rank = (row) => (row.standing === "closed" ? 0 : 1 + SEVERITIES.indexOf(row.severity));
  return { ...one, items: [...one.items].sort((a, b) => rank(b) - rank(a) || b.since - a.since) };
}

function header(one, chosen, work) {
  const n = chosen.size || one.open;
  const verbs = ["acknowledge", "close", "assign", "escalate", "snooze"];
  const marks = { acknowledge: "a", close: "c", assign: "s" };
  return h(
    "header",
    { class: "alert-head" },
    h("div", { class: "row" }, badge(one.severity), h("span", {}, t("cases.of_open", { n: one.open, all: number(one.alerts) })), h("span", { class: one.assignee ? "" : "nobody" }, one.assignee ? t("cases.has", { who: one.assignee }) : t("cases.nobody")), h("span", { class: "muted" }, since(one.last))),
    h("h1", {}, `${named("kind", one.kind)} ${one.key}`),
    h("p", { class: "lead" }, one.summary),
    mayWork() && one.open > 0 && h("div", { class: "actions", role: "toolbar", "aria-label": t("cases.acts") }, h("span", { class: "muted" }, chosen.size ? t("cases.with_chosen", { n }) : t("cases.with_all", { n })), verbs.map((name, at) => button(t(`acts.${name}`), () => work(name), { tone: at ? "" : "primary", key: marks[name] ?? "" }))),
  );
}

function about(one) {
  const key = one.kind === "customer" ? h("a", { href: `/customers/${encodeURIComponent(one.key)}` }, one.key) : one.kind === "loan" ? h("a", { href: `/loans/${encodeURIComponent(one.key)}` }, one.key) : one.key;
  return card(
    t("cases.about"),
    facts([
      [named("kind", one.kind), key],
      [t("cases.rules"), h("span", {}, one.rules.map((rule, at) => [at > 0 && ", ", h("a", { href: `/rules/${encodeURIComponent(rule)}` }, rule)]))],
      [t("cases.entity"), one.entity],
      [t("cases.since"), moment(one.first)],
      [t("cases.last"), moment(one.last)],
    ]),
  );
}

// How its alerts came, in two dozen equal steps from the first to the last.
function pace(one) {
  if (one.items.length < 3 || one.last <= one.first) return null;
  const steps = new Array(24).fill(0);
  for (const row of one.items) {
    const at = Math.floor(((row.since - one.first) / (one.last - one.first + 1)) * steps.length);
    if (at >= 0 && at < steps.length) steps[at] += 1;
  }
  const label = t("cases.pace", { n: one.items.length, from: when(one.first, { seconds: false }), to: when(one.last, { seconds: false }) });
  return card(t("cases.came"), h("p", { class: "muted" }, label), bars(steps, { label }));
}

function alertColumns() {
  return [
    { key: "severity", label: t("cases.severity"), cell: (row) => badge(row.severity) },
    { key: "summary", label: t("cases.what"), grow: true, link: true, cell: (row) => row.summary || row.rule },
    { key: "rule", label: t("cases.rule"), wide: true, cell: (row) => row.rule },
    { key: "standing", label: t("cases.standing"), cell: (row) => standing(row) },
    { key: "assignee", label: t("cases.who"), cell: (row) => row.assignee || "–" },
    { key: "since", label: t("cases.since"), cell: (row) => since(row.since) },
  ];
}
