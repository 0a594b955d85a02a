// Backtests: start one, see how far it is, and what a change would have said of the past.

import { go } from "../lib/address.js";
import { get, send } from "../lib/api.js";
import { columns } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { day, named, number, percent, t } from "../lib/i18n.js";
import { badge, button, card, choice, dialog, empty, failed, field, head, loading, moment, say, since, table, tag } from "../lib/parts.js";
import "../words/rules.js";

const STEP = 700; // ms between two looks at one that runs
const DAY = 86400000;
const RUNNING = ["starting", "reading", "judging"];
const TONES = { done: "good", failed: "bad", cancelled: "warn" };

// Asks what to try and starts it: {rule, file, text} of a rule's page, {plan} of a plan's, or nothing.
export async function startBacktest({ rule = "", file = "", text = "", line = 1, plan = "" }) {
  const tries = [
    plan && ["plan", t("bt.plan", { plan })],
    file && ["edit", t("bt.edit")],
    ["in_force", t("bt.in_force")],
    ["files", t("bt.files")],
  ].filter(Boolean);
  const area = file && h("textarea", { name: "text", class: "code", spellcheck: "false", value: text });
  const written = area && field(`${t("bt.text")}: ${shortFile(file)}`, area, t("bt.text_hint"));
  const picked = (value) => written && (written.hidden = value !== "edit");
  const days = [["", t("bt.all_days")], ...[7, 30, 90].map((n) => [String(n), t("bt.last_days", { n })])];
  const body = h(
    "div",
    { class: "stack" },
    field(t("bt.what"), choice("tries", tries, tries[0][0], picked)),
    field(t("bt.days"), choice("days", days, ""), t("bt.days_hint")),
    written,
  );
  if (area) requestAnimationFrame(() => (area.scrollTop = ((line - 1) / text.split("\n").length) * area.scrollHeight));
  const answer = await dialog({ title: t("bt.start"), body, actions: [{ label: t("bt.start_short"), value: "yes" }] });
  if (!answer) return;
  const wish = { tries: answer.form.get("tries"), rule };
  if (wish.tries === "plan") wish.plan = plan;
  if (wish.tries === "edit") Object.assign(wish, { file, text: answer.form.get("text").replaceAll("\r\n", "\n") });
  if (answer.form.get("days")) wish.days = Number(answer.form.get("days"));
  try {
    const job = await send("POST", "/v1/backtests", wish);
    go(`/rules?backtest=${job.id}`);
  } catch (error) {
    say(error.sentence || t("no_answer"), "bad");
  }
}

// The last ones.
export function backtests(panel) {
  replace(panel, loading());
  async function load() {
    try {
      const { items } = await get("/v1/backtests");
      replace(panel, listed(items));
    } catch (error) {
      replace(panel, failed(error, load));
    }
  }
  load();
  const again = setInterval(() => !document.hidden && load(), 3000);
  return () => clearInterval(again);
}

function listed(items) {
  return table({
    label: t("rules.tab.backtests"),
    nothing: t("bt.none"),
    rows: items,
    href: (row) => `/rules?backtest=${row.id}`,
    columns: [
      { key: "what", label: t("bt.what"), grow: true, cell: (row) => triedWords(row.asked) },
      { key: "by", label: t("bt.by") },
      { key: "started", label: t("bt.started"), cell: (row) => since(row.started) },
      { key: "state", label: t("bt.state"), cell: (row) => tag(t(`bt.state.${row.state}`), TONES[row.state]) },
      { key: "took", label: t("bt.took"), num: true, cell: (row) => (row.ended ? t("bt.seconds", { n: number((row.ended - row.started) / 1000, 1) }) : "") },
    ],
  });
}

// A file as people know it: its name with the two folders that it lies in.
export function shortFile(file) {
  return file.startsWith("/") ? file.split("/").slice(-3).join("/") : file;
}

function triedWords(asked) {
  const what = asked.tries === "plan" ? t("bt.plan", { plan: asked.plan }) : asked.tries === "edit" ? shortFile(asked.file) : t(`bt.${asked.tries}`);
  return [asked.rule, what].filter(Boolean).join(": ");
}

// One: how far it is, then what it found.
export async function showBacktest(root, id) {
  let over = false;
  const heading = h("div", {});
  const body = h("div", { class: "stack" });
  replace(root, heading, body);
  const bar = h("progress", { max: 1 });
  const told = h("p", { role: "status" });

  async function look() {
    let job;
    try {
      job = await get(`/v1/backtests/${encodeURIComponent(id)}`);
    } catch (error) {
      replace(heading, head(t("bt.title"), h("p", { class: "lead" }, h("a", { href: "/rules?tab=backtests" }, t("bt.back")))));
      return void replace(body, failed(error.status === 404 ? { message: t("bt.lost") } : error, look));
    }
    if (over) return;
    const running = RUNNING.includes(job.state);
    const lead = h("p", { class: "lead" }, h("a", { href: "/rules?tab=backtests" }, t("bt.back")), ` · ${triedWords(job.asked)} · ${job.by} · `, since(job.started));
    replace(heading, head(t("bt.title"), lead, ...(running ? [button(t("bt.cancel"), () => cancel(id, look), { tone: "danger" })] : [])));
    if (!running) return void replace(body, ended(job));
    if (job.all) bar.value = job.done / job.all;
    bar.setAttribute("aria-label", t(`bt.state.${job.state}`));
    const unit = t(job.state === "judging" ? "bt.events" : "bt.records");
    replace(told, t(`bt.state.${job.state}`), job.all ? ` · ${t("bt.progress", { done: job.done, all: job.all })} ${unit}` : "");
    if (!bar.isConnected) replace(body, card(t("bt.state"), h("div", { class: "progress" }, bar, told)));
    setTimeout(() => over || look(), STEP);
  }
  await look();
  return () => (over = true);
}

async function cancel(id, again) {
  try {
    await send("DELETE", `/v1/backtests/${encodeURIComponent(id)}`);
  } catch (error) {
    say(error.sentence || t("no_answer"), "bad");
  }
  again();
}

function ended(job) {
  if (job.problems?.length) return card(t("bt.problems"), problems(job.problems));
  if (job.state !== "done") return failed({ message: job.why || t(`bt.state.${job.state}`) });
  const found = job.report;
  const errors = Object.entries(found.errors).map(([rule, n]) => h("p", { class: "muted" }, t("bt.errors", { rule, n })));
  return [
    h("p", {}, found.headline, " ", h("span", { class: "muted" }, t("bt.seconds", { n: number(found.seconds, 1) }))),
    found.refused + found.late > 0 && h("p", { class: "muted" }, t("bt.refused", { n: found.refused, late: found.late })),
    errors,
    h("div", { class: "sides" }, Object.entries(found.sides).map(([name, one]) => side(name, one, found))),
    Object.keys(found.sides).length > 1 && card(t("bt.differs"), differing(found)),
    found.tables.length > 0 && card(t("bt.tables"), found.tables.map((one) => change(one.table, one.says, one.edits))),
    card(t("bt.all"), byRule(found, job.asked.rule)),
    found.together.length > 0 && card(t("bt.together"), h("ul", { class: "plain" }, found.together.map((one) => h("li", {}, t("bt.together_row", { a: one.rules[0], b: one.rules[1], n: one.events, share: percent(one.share, 0) }))))),
    found.silent.length > 0 && card(`${t("bt.silent")} (${number(found.silent.length)})`, h("details", {}, h("summary", {}, t("bt.silent")), h("p", { class: "muted" }, found.silent.join(", ")))),
  ];
}

function side(name, one, found) {
  const known = one.judged.right + one.judged.wrong;
  return h(
    "div",
    { class: "figure" },
    h("span", {}, `${t(`bt.side.${name}`)} · ${one.plan}`),
    h("strong", {}, number(one.live)),
    h("span", {}, `${t("bt.alerts")}, ${t("bt.per_day", { n: number(one.live / Math.max(1, found.days), 1) })}`),
    one.shadow > 0 && h("span", {}, t("bt.shadow", { n: one.shadow })),
    known > 0 && h("span", {}, t("bt.precision", { precision: percent(one.judged.precision), n: known })),
  );
}

function differing(found) {
  if (!found.differing.length) return empty(t("bt.same"));
  return found.differing.map((rule) => {
    const parts = [
      [rule.added, "bt.adds", "good"],
      [rule.dropped, "bt.drops", "bad"],
      [rule.changed, "bt.changes", "warn"],
    ].filter(([part]) => part);
    return change(
      rule.rule,
      parts.map(([part, word, tone]) => tag(t(word, { n: part.alerts }), tone)),
      rule.edits,
      Object.entries(rule.sides).map(([name, one]) => [h("span", { class: "under" }, `${t(`bt.side.${name}`)}: ${number(one.alerts)}`), daysOf(one.days, found)]),
      parts.map(([part, word]) => [
        part.right + part.wrong > 0 && h("p", { class: "muted" }, `${t(word, { n: part.alerts })}: ${t("bt.right", { right: part.right, wrong: part.wrong })}`),
        examples(part.examples),
      ]),
    );
  });
}

function change(name, says, edits, ...more) {
  return h("div", { class: "change" }, h("h3", {}, h("a", { href: `/rules/${encodeURIComponent(name)}` }, name)), h("p", {}, says), edits.length > 0 && h("ul", {}, edits.map((line) => h("li", {}, h("code", {}, line)))), more);
}

function daysOf(days, found) {
  if (!days?.length) return null;
  return columns(days, { label: t("bt.days_label"), title: (n, at) => `${day((found.first_day + at) * DAY)}: ${number(n)}` });
}

function examples(items) {
  if (!items.length) return null;
  return table({
    label: t("bt.examples"),
    rows: items,
    columns: [
      { key: "time", label: t("rule.time"), cell: (row) => moment(row.time, { seconds: false }) },
      { key: "severity", label: t("rules.severity"), cell: (row) => badge(row.severity) },
      { key: "summary", label: t("rule.what"), grow: true },
      { key: "event", label: t("bt.event"), wide: true },
    ],
  });
}

function byRule(found, asked) {
  const told = found.differing.some((rule) => rule.rule === asked);
  const one = !told && found.rules.find((rule) => rule.rule === asked);
  return [
    one && h("div", { class: "change" }, h("h3", {}, asked), daysOf(one.days, found), examples(one.examples)),
    table({
      label: t("bt.all"),
      rows: found.rules.filter((rule) => rule.alerts > 0).slice(0, 100),
      href: (row) => `/rules/${encodeURIComponent(row.rule)}`,
      columns: [
        { key: "rule", label: t("rules.rule"), grow: true },
        { key: "mode", label: t("rules.mode"), cell: (row) => named("mode", row.mode) },
        { key: "alerts", label: t("bt.count"), num: true, cell: (row) => number(row.alerts) },
        { key: "shown", label: t("bt.shown"), num: true, wide: true, cell: (row) => number(row.shown) },
        { key: "about", label: t("bt.about"), num: true, wide: true, cell: (row) => number(row.about) },
        { key: "precision", label: t("rules.precision"), num: true, cell: (row) => percent(row.judged.precision) },
      ],
    }),
  ];
}

function problems(items) {
  return table({
    label: t("bt.problems"),
    rows: items,
    columns: [
      { key: "place", label: t("bt.place"), cell: (row) => `${shortFile(row.file)}:${row.line}` },
      { key: "rule", label: t("rules.rule") },
      { key: "message", label: t("bt.problem"), grow: true },
    ],
  });
}
