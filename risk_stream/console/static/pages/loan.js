// One loan: where it stands in its life cycle and what is next, its schedule with what was paid, its class, its events.

import { get } from "../lib/api.js";
import { alertBriefs } from "../lib/brief.js";
import { h, replace, s } from "../lib/dom.js";
import { ago, money, named, number, t, when } from "../lib/i18n.js";
import { button, card, empty, head, table, tag } from "../lib/parts.js";
import { timelineOf } from "../lib/timeline.js";
import "../words/loan.js";

const AROUND = 3; // instalments that are shown around the one of now, before all are asked for
const NEXT = 5; // steps that may come now, and are named
const TONES = { paid: "good", paid_late: "warn", late: "bad", due: "warn", open: "" };
const STAGES = ["pre_loan", "mid_loan", "post_loan"];

export function title(params) {
  return `${t("kind.loan")} ${params.key}`;
}

export async function show(root, params) {
  const [loan, alerts] = await Promise.all([
    get(`/v1/loans/${encodeURIComponent(params.key)}`),
    get("/v1/alerts", { kind: "loan", key: params.key, sort: "-since", limit: 8, standing: "open,acknowledged,closed" }),
  ]);
  const customer = loan.customer && h("a", { href: `/customers/${encodeURIComponent(loan.customer)}` }, `${t("kind.customer")} ${loan.customer}`);
  const below = [customer, loan.product && ` · ${named("product", loan.product)}`, loan.entity && ` · ${loan.entity}`, ` · ${t("loan.as_of", { when: when(loan.at, { seconds: false }) })}`];
  const events = h("div", {});
  replace(
    root,
    head(`${t("kind.loan")} ${loan.key}`, h("span", {}, below)),
    status(loan.schedule),
    h(
      "div",
      { class: "cards" },
      loan.lifecycles.map((cycle) => lifecycle(cycle, loan.at)),
      loan.lifecycles.length === 0 && card(t("loan.lifecycle"), empty(t("loan.no_lifecycle"))),
      schedule(loan.schedule),
      alertsOf(alerts),
    ),
    events,
  );
  timelineOf(events, loan.events);
}

function status(found) {
  const said = found.status;
  if (!said) return null;
  const late = said.days_past_due;
  const tone = late > 90 ? "bad" : late > 0 ? "warn" : "good";
  const tile = (name, value, mark = "") => h("div", { class: ["figure", mark && `tone-${mark}`] }, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "figures" },
    tile(t("loan.days_past_due"), number(late), tone),
    tile(t("loan.class"), named("class", said.classification), said.classification === "normal" ? "good" : said.classification === "special_mention" ? "warn" : "bad"),
    tile(t("loan.stage"), number(said.ifrs9_stage), said.ifrs9_stage === 1 ? "good" : said.ifrs9_stage === 2 ? "warn" : "bad"),
    tile(t("loan.outstanding"), `${money(said.outstanding)} ${found.currency}`),
    tile(t("loan.past_due"), money(said.amount_past_due), said.amount_past_due > 0 ? "bad" : ""),
    said.written_off && tile(t("loan.written_off"), t("loan.yes"), "bad"),
  );
}

function lifecycle(cycle, now) {
  const step = new Map(cycle.steps.map((one) => [one.id, one]));
  const overdue = cycle.steps.filter((one) => one.state === "overdue");
  const open = cycle.next.map((id) => step.get(id)).filter((one) => one.state === "next" && !one.ends);
  open.sort((one, other) => (one.due ?? Infinity) - (other.due ?? Infinity) || other.layer - one.layer); // limits first, then what is farthest
  const next = open.slice(0, NEXT);
  const wrong = cycle.steps.filter((one) => one.wrong.some((fault) => fault.what !== "overdue"));
  const last = cycle.steps.filter((one) => one.came.length).sort((one, other) => other.came.at(-1).time - one.came.at(-1).time)[0];
  const row = (name, some) => some.length > 0 && [h("dt", {}, name), h("dd", {}, h("ul", { class: "plain" }, some))];
  const due = (one) => one.due !== null && h("span", { class: one.due <= now ? "bad" : "muted" }, ` ${t(one.due <= now ? "loan.since" : "loan.until", { when: when(one.due, { seconds: false }), ago: ago(one.due, now) })}`);
  const line = (one) => h("li", {}, one.name, due(one), one.owner && h("span", { class: "muted" }, ` · ${one.owner}`));
  const done = cycle.steps.filter((one) => one.came.length).length;
  return card(
    cycle.name,
    { wide: true },
    h("p", { class: "muted" }, t("loan.steps_done", { done, all: cycle.steps.length })),
    graph(cycle),
    legend(),
    h(
      "dl",
      { class: "where" },
      last && row(t("loan.stands_at"), [h("li", {}, last.name, h("span", { class: "muted" }, ` ${when(last.came.at(-1).time, { seconds: false })}`))]),
      row(t("loan.overdue"), overdue.map(line)),
      row(t("loan.next"), [...next.map(line), open.length > next.length && h("li", { class: "muted" }, t("loan.more", { n: open.length - next.length }))].filter(Boolean)),
      row(t("loan.wrong"), wrong.map((one) => h("li", {}, one.name, one.wrong.filter((fault) => fault.what !== "overdue").map((fault) => [" ", tag(named("fault", fault.what), "bad"), " ", h("span", { class: "muted" }, fault.event)])))),
    ),
    h("details", {}, h("summary", {}, t("loan.all_steps")), h("div", { class: "stages" }, STAGES.concat([...new Set(cycle.steps.map((one) => one.stage))].filter((stage) => !STAGES.includes(stage))).map((stage) => stageOf(cycle, stage, due)))),
  );
}

function stageOf(cycle, stage, due) {
  const steps = cycle.steps.filter((one) => one.stage === stage);
  if (!steps.length) return null;
  const rows = steps.map((one) =>
    h(
      "li",
      { class: `step state-${one.state}` },
      mark(one.state),
      h("div", {}, h("span", {}, one.name), h("span", { class: "muted" }, " ", one.came.length ? when(one.came.at(-1).time, { seconds: false }) : named("step", one.state)), due(one), one.came.length > 1 && h("span", { class: "muted" }, ` · ${t("loan.times", { n: one.came.length })}`)),
    ),
  );
  return h("section", {}, h("h3", {}, named("stage", stage)), h("ol", { class: "plain" }, rows));
}

const WIDE = 26;
const HIGH = 22;

// The steps as points from left to right, each behind what it needs; the words of a point are its title.
function graph(cycle) {
  const layers = [];
  for (const step of cycle.steps) (layers[step.layer] ??= []).push(step);
  const tall = Math.max(...layers.map((layer) => layer?.length ?? 0));
  const place = new Map();
  layers.forEach((layer, x) => layer.forEach((step, y) => place.set(step.id, [WIDE * (x + 0.5), HIGH * (y + 0.5 + (tall - layer.length) / 2)])));
  const edges = cycle.steps.flatMap((step) =>
    step.needs.filter((need) => place.has(need)).map((need) => {
      const [x1, y1] = place.get(need);
      const [x2, y2] = place.get(step.id);
      const passed = step.came.length > 0;
      const bend = (x1 + x2) / 2;
      return s("path", { class: ["edge", passed && "passed"].filter(Boolean).join(" "), d: `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}` });
    }),
  );
  const points = cycle.steps.map((step) => {
    const [x, y] = place.get(step.id);
    return s("g", { class: `point state-${step.state}`, transform: `translate(${x} ${y})` }, s("title", {}, `${step.name}: ${named("step", step.state)}`), s("circle", { r: 6.5 }), glyph(step.state));
  });
  const words = cycle.steps.map((step) => `${step.name}: ${named("step", step.state)}`).join("; ");
  return h("div", { class: "graph", role: "img", "aria-label": words, tabindex: "0" }, s("svg", { viewBox: `0 0 ${WIDE * layers.length} ${HIGH * tall}` }, edges, points));
}

function glyph(state) {
  const path = { done: "M-3 0l2 2.4 4-4.8", waived: "M-3 0h6", overdue: "M0 -3.2v3.6M0 2.6v.4", next: "M-1.5 -3l3 3-3 3" }[state];
  return path && s("path", { class: "glyph", d: path });
}

function mark(state) {
  return s("svg", { class: `mark point state-${state}`, viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, s("circle", { r: 6.5 }), glyph(state));
}

function legend() {
  const states = ["done", "next", "overdue", "waiting"];
  return h("p", { class: "legend muted", "aria-hidden": "true" }, states.map((state) => h("span", {}, mark(state), named("step", state))));
}

function schedule(found) {
  if (!found.lines.length) return card(t("loan.schedule"), empty(t(`loan.${found.reason}`)));
  const now = found.lines.findIndex((line) => line.due >= found.day);
  const at = now < 0 ? found.lines.length : now;
  const late = found.lines.filter((line) => line.state === "late");
  const [from, to] = [Math.max(0, at - AROUND - late.length), at + AROUND];
  const place = h("div", {});
  const draw = (all) => {
    const rows = all ? found.lines : found.lines.slice(from, to);
    const more = !all && rows.length < found.lines.length && button(t("loan.all_instalments", { n: found.lines.length }), () => draw(true), { tone: "quiet" });
    replace(place, table({ columns: columns(), rows, label: t("loan.schedule") }), more);
  };
  draw(false);
  const paid = found.lines.filter((line) => line.unpaid === 0).length;
  const words = t("loan.paid_of", { paid, all: found.lines.length });
  const credit = found.credit > 0 && ` · ${t("loan.credit", { amount: money(found.credit) })}`;
  return card(t("loan.schedule"), { wide: true }, strip(found), h("p", { class: "muted" }, words, credit), place, found.faults.length > 0 && h("ul", { class: "gaps" }, found.faults.map((sentence) => h("li", {}, sentence))));
}

// Each instalment as a bar: paid, paid late, late or to come.
function strip(found) {
  const width = 600 / found.lines.length;
  const most = Math.max(...found.lines.map((line) => line.amount));
  const made = found.lines.map((line, at) => {
    const tall = 8 + (32 * line.amount) / most;
    return s("rect", { class: `instalment ${line.state}`, x: (at * width + 0.6).toFixed(2), y: (40 - tall).toFixed(2), width: Math.max(0.8, width - 1.2).toFixed(2), height: tall.toFixed(2) }, s("title", {}, `${line.due}: ${money(line.amount)}, ${named("instalment", line.state)}`));
  });
  const late = found.lines.filter((line) => line.state === "late").length;
  const label = t("loan.strip", { all: found.lines.length, late });
  return s("svg", { class: "strip", viewBox: "0 0 600 40", preserveAspectRatio: "none", role: "img", "aria-label": label }, made);
}

function columns() {
  return [
    { key: "number", label: t("loan.number"), num: true, cell: (row) => number(row.number) },
    { key: "due", label: t("loan.due"), cell: (row) => row.due },
    { key: "amount", label: t("loan.amount"), num: true, cell: (row) => money(row.amount) },
    { key: "principal", label: t("loan.principal"), num: true, wide: true, cell: (row) => money(row.principal) },
    { key: "interest", label: t("loan.interest"), num: true, wide: true, cell: (row) => money(row.interest) },
    { key: "unpaid", label: t("loan.unpaid"), num: true, cell: (row) => (row.unpaid ? money(row.unpaid) : "–") },
    { key: "state", label: t("loan.state"), cell: (row) => h("span", {}, tag(named("instalment", row.state), TONES[row.state]), row.paid_on && h("span", { class: "muted" }, ` ${row.paid_on}`), row.days_late > 0 && h("span", { class: "muted" }, ` ${t("loan.days_late", { n: row.days_late })}`)) },
  ];
}

function alertsOf(alerts) {
  return card(t("nav.alerts"), { wide: true }, alertBriefs(alerts.items, t("loan.no_alerts")));
}
