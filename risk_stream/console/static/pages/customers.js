// Customers and groups who have a profile, the worst first; and the way to one by its number.

import { address, go } from "../lib/address.js";
import { get, query as queryText } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { number, t } from "../lib/i18n.js";
import { badge, card, choice, failed, head, pager, table, tag } from "../lib/parts.js";
import "../words/customers.js";

const LIMIT = 50;
const WORST_FIRST = ["critical", "high", "medium", "low", "info"];

export function title() {
  return t("nav.customers");
}

export async function show(root, _, given) {
  let kind = given.kind === "group" ? "group" : "customer";
  let offset = Number(given.offset) || 0;
  const list = h("div", {});
  const load = async () => {
    address(`/customers${queryText({ kind: kind === "group" ? kind : "", offset: offset || "" })}`);
    try {
      draw(await get("/v1/customers", { kind, limit: LIMIT, offset }));
    } catch (error) {
      replace(list, failed(error, load));
    }
  };
  const draw = (found) => {
    const columns = [
      { key: "key", label: t(`kind.${kind}`), cell: (row) => row.key },
      { key: "grade", label: t("customers.grade"), cell: (row) => h("span", { class: "grade" }, row.grade) },
      { key: "score", label: t("customers.score"), num: true, cell: (row) => number(row.score, 1) },
      { key: "open", label: t("customers.open"), cell: (row) => openOf(row.open) },
      { key: "labels", label: t("customers.labels"), cell: (row) => row.labels.length > 0 && h("span", { class: "tags" }, row.labels.map((label) => tag(label, "warn"))) },
      { key: "why", label: t("customers.why"), grow: true, wide: true, cell: (row) => row.why.join(", ") },
    ];
    replace(
      list,
      table({ columns, rows: found.items, label: t("nav.customers"), href: (row) => to(kind, row.key), nothing: t("customers.nothing") }),
      found.looked_at && h("p", { class: "muted" }, t("customers.looked_at", { n: found.looked_at })),
      pager({ ...found, go: (next) => ((offset = next), load()) }),
    );
  };
  const pick = (value) => ((kind = value), (offset = 0), load());
  const find = (event) => {
    event.preventDefault();
    const key = new FormData(event.target).get("key").trim();
    if (key) go(to(kind, key));
  };
  const search = h(
    "form",
    { class: "find", on: { submit: find } },
    h("input", { type: "search", name: "key", "data-search": true, required: true, maxlength: "120", autocomplete: "off", placeholder: t("customers.find"), "aria-label": t("customers.find") }),
    h("button", { type: "submit" }, t("customers.go")),
  );
  const kinds = h("label", { class: "inline" }, h("span", {}, t("customers.show")), choice("kind", [["customer", t("customers.customers")], ["group", t("customers.groups")]], kind, pick));
  replace(root, head(t("nav.customers"), t("customers.lead")), h("div", { class: "bar-row" }, search, kinds), card(t("customers.worst"), list));
  await load();
}

export function to(kind, key) {
  return `/customers/${encodeURIComponent(key)}${kind === "group" ? "?kind=group" : ""}`;
}

// How many alerts are not closed, by severity, the worst first.
export function openOf(counts) {
  const some = WORST_FIRST.filter((severity) => counts[severity]);
  if (!some.length) return h("span", { class: "muted" }, t("customers.none_open"));
  return h("span", { class: "counts" }, some.map((severity) => h("span", { class: "one" }, badge(severity), h("span", {}, number(counts[severity])))));
}
