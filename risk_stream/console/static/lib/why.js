// Why a rule fired: each comparison of its condition in a line, with the value it found, its limit, and how far apart.

import { h, s } from "./dom.js";
import { money, number, span, t, when } from "./i18n.js";
import { card, empty } from "./parts.js";
import "../words/why.js";

// The card of an alert: what the rule's author says, then the comparisons.
export function conditionCard(alert) {
  const told = alert.why && h("p", { class: "because" }, alert.why);
  if (!alert.condition) return card(t("why.title"), told, empty(t("why.no_rule")));
  return card(t("why.title"), told, h("div", { class: "why" }, part(alert.condition, alert.condition_before)), models(alert));
}

// What models said of the event, and what moved their scores most.
function models(alert) {
  return (alert.models ?? []).map((one) => {
    const words = [
      one.score !== null && t("why.score", { score: number(one.score, 3) }),
      one.moved && t("why.moved", { what: one.moved }),
      one.segment && t("why.segment", { name: one.segment }),
    ];
    const link = h("a", { href: `/models/${encodeURIComponent(one.model)}` }, one.model);
    return h("p", { class: "model-said" }, t("why.model"), " ", link, ": ", words.filter(Boolean).join("; ") || t(one.over ? "why.over" : "why.under"));
  });
}

function part(one, before) {
  if (one.parts?.length) {
    const inside = one.parts.map((inner, at) => h("li", {}, part(inner, before?.parts?.[at])));
    return h("div", { class: `join join-${one.join}` }, h("span", { class: "muted" }, t(`why.${one.join}`)), h("ul", {}, inside));
  }
  return line(one, before);
}

function line(one, before) {
  const known = one.left !== null && one.left !== undefined && one.right !== null && one.right !== undefined;
  const changed = known && before && before.left !== one.left;
  const values =
    known &&
    h(
      "span",
      { class: "values" },
      changed && h("s", { class: "muted" }, shown(before.left, one.unit)),
      h("b", {}, shown(one.left, one.unit)),
      h("span", { class: "muted" }, ` ${SIGNS[one.op] ?? one.op} `),
      one.op.endsWith("in") ? one.right : shown(one.right, one.unit),
    );
  return h(
    "div",
    { class: ["compared", one.holds === false && "fails"] },
    h("span", { class: `holds-${one.holds}`, role: "img", "aria-label": t(`why.holds.${one.holds}`) }, one.holds === true ? "✓" : one.holds === false ? "✗" : "?"),
    h("code", {}, one.text),
    values || h("span", { class: "muted" }, t(one.holds === null ? "why.not_told" : "why.missing")),
    known && typeof one.left === "number" && typeof one.right === "number" && !["==", "!="].includes(one.op) && bar(one),
  );
}

const SIGNS = { ">=": "≥", "<=": "≤", "!=": "≠", "==": "=", in: "∈", "not in": "∉" };

// The value as a bar and the limit as a mark upon it, both from zero on.
function bar(one) {
  const most = Math.max(Math.abs(one.left), Math.abs(one.right)) * 1.15 || 1;
  const at = (value) => Math.max(0, Math.min(200, (Math.abs(value) / most) * 200));
  const label = t("why.bar", { left: shown(one.left, one.unit), right: shown(one.right, one.unit) });
  return s(
    "svg",
    { class: ["limit", one.holds && "over"], viewBox: "0 0 200 14", role: "img", "aria-label": label, preserveAspectRatio: "none" },
    s("rect", { class: "rail", y: 3, width: 200, height: 8, rx: 2 }),
    s("rect", { class: "part", y: 3, width: at(one.left).toFixed(1), height: 8, rx: 2 }),
    s("rect", { class: "mark", x: Math.max(0, at(one.right) - 1).toFixed(1), width: 2, height: 14 }),
  );
}

function shown(value, unit) {
  if (typeof value === "boolean") return t(value ? "why.yes" : "why.no");
  if (typeof value !== "number") return `“${value}”`;
  if (unit === "money") return money(value);
  if (unit === "seconds") return span(value * 1000);
  if (unit === "time") return when(value);
  return number(value);
}
