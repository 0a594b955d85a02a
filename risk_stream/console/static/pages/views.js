// The views of one's own, and those that one's roles begin with.

import { get } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { named, t } from "../lib/i18n.js";
import { head, since, tag } from "../lib/parts.js";
import "../words/views.js";

export function title() {
  return t("nav.views");
}

export async function show(root) {
  const found = await get("/v1/views");
  const add = h("a", { class: "button primary", href: "/views/new?edit=1" }, t("views.new"));
  const rows = found.items.map((view) =>
    h(
      "li",
      { class: "card", tabindex: "-1", dataset: { row: view.id } },
      h("h2", {}, h("a", { class: "row-link", href: `/views/${encodeURIComponent(view.id)}` }, titleOf(view))),
      h("p", { class: "muted" }, view.cards.map((card) => card.title ? titleOf(card) : named("card", card.kind)).join(" · ")),
      h("p", {}, tag(t(view.own ? "views.own" : "views.begins"), view.own ? "open" : ""), view.changed > 0 && [" ", h("span", { class: "muted" }, since(view.changed))]),
    ),
  );
  replace(root, head(t("nav.views"), t("views.lead"), add), found.why && h("p", { class: "wrong" }, found.why), h("ul", { class: "cards plain" }, rows));
}

// Titles that the house gives are keys of words; a person's own stand as they were written.
export function titleOf(one) {
  return one.title.startsWith("view.") ? t(one.title) : one.title;
}
