// The models in force: what each scores, whether it drifts, and what it costs.

import { get } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { named, number, t } from "../lib/i18n.js";
import { head, loading, table, tag } from "../lib/parts.js";
import "../words/models.js";
import "../words/rules.js";

export function title() {
  return t("models.title");
}

export async function show(root) {
  replace(root, head(t("models.title")), loading());
  async function load() {
    const found = await get("/v1/models");
    replace(
      root,
      head(t("models.title"), t("models.lead", { n: found.total, plan: found.plan })),
      !found.known && h("p", { class: "muted" }, t("models.unknown")),
      list(found.items),
    );
  }
  await load();
  const again = setInterval(() => !document.hidden && load().catch(() => null), 15000);
  return () => clearInterval(again);
}

function list(items) {
  return table({
    label: t("models.title"),
    nothing: t("models.none"),
    rows: items,
    href: (row) => `/models/${encodeURIComponent(row.id)}`,
    columns: [
      { key: "id", label: t("models.model"), grow: true },
      { key: "stage", label: t("models.stage"), cell: (row) => h("span", { class: "unbroken" }, named("stage", row.stage)) },
      { key: "on", label: t("models.on"), cell: (row) => h("span", {}, row.on.join(", "), h("span", { class: "under" }, t("models.by", { kind: named("kind", row.by) }))) },
      { key: "role", label: t("models.role"), cell: role },
      { key: "learns", label: t("models.learns"), wide: true, cell: (row) => t(`models.learns.${row.learns}`) },
      { key: "scored", label: t("models.scored"), num: true, cell: (row) => known(row.scored) },
      { key: "over", label: t("models.over"), num: true, cell: (row) => known(row.over) },
      { key: "waiting", label: t("models.waiting"), num: true, wide: true, cell: (row) => known(row.waiting) },
      { key: "drift", label: t("models.drift"), cell: drift },
      { key: "us", label: t("models.cost"), num: true, wide: true, cell: (row) => number(row.us ?? row.nominal_us, 1) },
    ],
  });
}

function known(value) {
  return value === null ? "–" : number(value);
}

export function role(row) {
  const word = row.challenges ? t("models.challenges", { model: row.challenges }) : t(`models.role.${row.role}`);
  return h("span", {}, tag(word, row.challenges ? "warn" : ""), row.mode === "live" ? null : [" ", tag(named("mode", row.mode), "warn")]);
}

export function drift(row) {
  if (row.drifting === null) return t("models.not_known");
  const word = row.drifting ? tag(t("models.drifting", { n: row.drifting }), "bad") : tag(t("models.calm"), "good");
  return h("span", {}, word, row.psi !== null && h("span", { class: "under" }, t("models.psi", { psi: number(row.psi, 2) })));
}
