// One model: what it is, how its scores lie against when it was good, which inputs drift, and its card.

import { get } from "../lib/api.js";
import { bars } from "../lib/chart.js";
import { h, replace, s } from "../lib/dom.js";
import { named, number, percent, t } from "../lib/i18n.js";
import { card, empty, facts, head, loading, table, tag } from "../lib/parts.js";
import { drift, role } from "./models.js";
import { shortFile } from "./backtests.js";
import "../words/models.js";
import "../words/rules.js";

const PARTS = 4; // partitions whose scores are drawn; each has a model of its own

export function title(params) {
  return params.name;
}

export async function show(root, params) {
  replace(root, head(params.name), loading());
  const found = await get(`/v1/models/${encodeURIComponent(params.name)}`);
  const row = found.row;
  const lead = h("p", { class: "lead" }, role(row), ` ${named("stage", row.stage)} · ${row.owner}`);
  replace(
    root,
    head(row.id, lead),
    found.drifts?.length > 0 && h("p", { class: "noticed", role: "status" }, t("model.drift_now", { names: found.drifts.join(", ") })),
    tiles(row),
    h("div", { class: "cards" }, what(found), spread(found), segments(found), did(found)),
    card(t("model.inputs"), h("p", { class: "under" }, t("model.inputs_hint", { calm: found.limits.calm, changed: found.limits.changed })), inputs(found)),
    found.rivals.length > 0 && card(t("model.rivals"), rivals(found)),
    h("details", { class: "card" }, h("summary", {}, h("strong", {}, t("model.card"))), h("div", { class: "card-text" }, markdown(found.card))),
  );
}

function tile(value, words, hint = "") {
  return h("div", { class: "figure" }, h("strong", {}, value === null ? "–" : number(value)), h("span", {}, words), hint && h("small", {}, hint));
}

function tiles(row) {
  const us = row.us === null ? null : Number(row.us.toFixed(1));
  return h(
    "div",
    { class: "figures" },
    tile(row.scored, t("model.scored")),
    tile(row.over, t("model.over"), row.scored ? percent(row.over / row.scored) : ""),
    tile(row.learnt, t("model.learnt")),
    tile(row.waiting, t("model.waiting")),
    tile(us, t("model.cost"), t("model.nominal", { us: number(row.nominal_us, 1) })),
    h("div", { class: "figure" }, drift(row), h("span", {}, t("models.drift"))),
  );
}

function what(found) {
  const row = found.row;
  const asked = row.asked_by.length ? row.asked_by.map((id, at) => [at > 0 && ", ", h("a", { href: `/rules/${encodeURIComponent(id)}` }, id)]) : t("model.nobody");
  const labels = found.labels;
  const outcomes = labels ? t("model.outcomes_words", { bad: labels.bad.join(", "), good: labels.good.join(", ") || "–", days: labels.days }) : t("model.no_outcomes");
  return card(
    t("model.what"),
    facts([
      [t("model.why"), found.why],
      [t("model.scores"), `${row.on.join(", ")}, ${t("models.by", { kind: named("kind", row.by) })}`],
      [t("models.learns"), t(`models.learns.${row.learns}`)],
      [t("model.asked_by"), asked],
      [t("model.outcomes"), outcomes],
      [t("model.version"), h("span", {}, h("code", {}, row.version), `, ${t("model.generation", { n: row.generation })}`)],
      [t("model.file"), h("code", { class: "wraps" }, shortFile(found.file))],
    ]),
  );
}

function spread(found) {
  const spreads = found.spreads ?? [];
  if (!spreads.length) return card(t("model.spread"), empty(found.spreads ? t("model.spread_none") : t("models.unknown")));
  const drawn = spreads.slice(0, PARTS).map((one, at) => [spreads.length > 1 && h("h3", {}, t("model.spread_part", { n: at + 1 })), pairs(one), h("p", { class: "under" }, t("model.quantiles", { edges: one.edges.slice(1, -1).map((edge) => number(edge, 2)).join(", ") }))]);
  const key = h("p", { class: "key" }, h("span", {}, h("i", { class: "then" }), t("model.then")), h("span", {}, h("i", { class: "now" }), t("model.now")));
  return card(t("model.spread"), h("p", { class: "under" }, t("model.spread_hint")), drawn, key);
}

function pairs({ edges, reference, now }) {
  const most = Math.max(...reference, ...now) || 1;
  const width = 320 / reference.length;
  const where = (at) => (at === edges.length + 1 ? t("model.missing") : at === edges.length ? t("model.above", { edge: number(edges.at(-1), 3) }) : t("model.below", { edge: number(edges[at], 3) }));
  const bar = (share, at, name, left) => {
    const tall = (share / most) * 108;
    return s("rect", { class: name, x: (at * width + left).toFixed(1), y: (110 - tall).toFixed(1), width: (width * 0.4).toFixed(1), height: tall.toFixed(1) }, s("title", {}, `${where(at)}: ${percent(share)}`));
  };
  return s(
    "svg",
    { class: "spread", viewBox: "0 0 320 110", role: "img", "aria-label": t("model.spread_label"), preserveAspectRatio: "none" },
    reference.map((share, at) => [bar(share, at, "then", width * 0.08), bar(now[at] ?? 0, at, "now", width * 0.5)]),
  );
}

function inputs(found) {
  const rows = [...found.inputs, ...(found.score_psi === null ? [] : [{ name: "score", means: t("model.score"), reckoned: "", psi: found.score_psi, drifts: found.drifts?.includes("score") ?? null }])];
  return table({
    label: t("model.inputs"),
    rows,
    columns: [
      { key: "name", label: t("model.input"), cell: (one) => h("code", {}, one.name) },
      { key: "means", label: t("model.means"), grow: true },
      { key: "psi", label: t("model.psi"), num: true, cell: (one) => (one.psi === null ? "–" : number(one.psi, 3)) },
      { key: "drifts", label: t("model.drifts"), cell: (one) => (one.drifts === null ? h("span", { class: "unbroken" }, t("models.not_known")) : one.drifts ? tag(t("model.yes"), "bad") : tag(t("model.no"))) },
      { key: "reckoned", label: t("model.reckoned"), wide: true, cell: (one) => h("code", { class: "wraps" }, one.reckoned) },
    ],
  });
}

function segments(found) {
  const rows = Object.entries(found.segments ?? {}).map(([label, value]) => ({ label, value }));
  return rows.length ? card(t("model.segments"), bars(rows, { label: t("model.segments") })) : null;
}

function did(found) {
  const rows = Object.entries(found.did ?? {}).filter(([, n]) => n);
  return rows.length ? card(t("model.did"), facts(rows.map(([what, n]) => [named("did", what), number(n)]))) : null;
}

function rivals(found) {
  const told = (value) => (value === null ? "–" : number(value));
  return table({
    label: t("model.rivals"),
    rows: found.rivals,
    href: (one) => `/models/${encodeURIComponent(one.id)}`,
    columns: [
      { key: "id", label: t("models.model"), grow: true },
      { key: "role", label: t("models.role"), cell: (one) => t(`models.role.${one.role}`) },
      { key: "scored", label: t("models.scored"), num: true, cell: (one) => told(one.scored) },
      { key: "over", label: t("models.over"), num: true, cell: (one) => told(one.over) },
      { key: "bad_over", label: t("model.bad_over"), num: true, cell: (one) => told(one.bad_over) },
      { key: "outcomes", label: t("model.told"), num: true, cell: (one) => told(one.outcomes) },
    ],
  });
}

// The few things of Markdown that a card is written in: headings, tables, lists, paragraphs and code in them.
function markdown(text) {
  const made = [];
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const take = (start) => {
      const found = [];
      while (at < lines.length && lines[at].startsWith(start)) found.push(lines[at++]);
      at -= 1;
      return found;
    };
    if (line.startsWith("## ")) made.push(h("h3", {}, line.slice(3)));
    else if (line.startsWith("# ")) continue;
    else if (line.startsWith("|")) made.push(tableOf(take("|")));
    else if (line.startsWith("* ")) made.push(h("ul", {}, take("* ").map((one) => h("li", {}, inline(one.slice(2))))));
    else if (line.trim()) made.push(h("p", {}, inline(line)));
  }
  return made;
}

function tableOf(lines) {
  const cells = lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const [heads, , ...rows] = cells;
  const named_heads = heads.some(Boolean) && h("thead", {}, h("tr", {}, heads.map((one) => h("th", { scope: "col" }, one))));
  return h("div", { class: "scroll", tabindex: "0" }, h("table", {}, named_heads, h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, inline(cell))))))));
}

function inline(text) {
  return text.split(/(`[^`]*`)/).map((part) => (part.startsWith("`") && part.length > 1 ? h("code", {}, part.slice(1, -1)) : part));
}
