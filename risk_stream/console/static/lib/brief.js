// Alerts and cases as a short list beside other things: how bad each is, what it says, and a word below it.

import { h } from "./dom.js";
import { badge, empty, since, standing } from "./parts.js";

// briefs(rows, {href(row), below(row), nothing}) -> element.
export function briefs(rows, { href, below, nothing }) {
  if (!rows.length) return empty(nothing);
  const line = (row) =>
    h(
      "li",
      { tabindex: "-1", dataset: { row: row.id } },
      badge(row.severity),
      h("div", {}, h("a", { class: "row-link", href: href(row) }, row.summary || row.rule || row.rules.join(", ")), h("div", { class: "muted" }, below(row))),
    );
  return h("ol", { class: "brief plain" }, rows.map(line));
}

export function alertBriefs(rows, nothing) {
  return briefs(rows, { href: (row) => `/alerts/${encodeURIComponent(row.id)}`, below: (row) => [standing(row), " ", since(row.since)], nothing });
}
