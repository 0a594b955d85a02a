// Personal data as they are, on request: who asks is told that it is written down, and the log has it before it is shown.

import { send } from "./api.js";
import { h, replace } from "./dom.js";
import { named, t, when } from "./i18n.js";
import { may } from "./me.js";
import { button, card, confirm, facts, loading, say } from "./parts.js";
import "../words/reveal.js";

const MASK = "***";

// A button for who may, which fills `place`; `rows(said)` makes names and values of the answer of `path`.
export function revealButton(path, place, rows) {
  if (!may("reveal")) return null;
  return button(t("reveal.show"), () => reveal(path, place, rows));
}

async function reveal(path, place, rows) {
  if (!(await confirm(t("reveal.show"), t("reveal.ask"), t("reveal.show")))) return;
  replace(place, loading());
  try {
    replace(place, card(t("reveal.title"), facts(rows(await send("POST", path)))));
  } catch (error) {
    replace(place);
    say(error.sentence || t("no_answer"), "bad");
  }
}

// Of a customer: each field with the event that has it.
export function customerRows(said) {
  return Object.entries(said.fields).map(([name, one]) => [
    named("field", name),
    h("span", {}, typeof one.value === "number" && name.endsWith("date") ? when(one.value, { seconds: false }) : String(one.value), " ", h("small", {}, t("reveal.when", { when: when(one.time, { seconds: false }) }))),
  ]);
}

// Of an alert: its sentence, and what of its keys and values was masked.
export function alertRows(alert, said) {
  const was = (part, name) => alert[part]?.[name] === MASK || alert[part]?.[name] === undefined;
  const some = (part) => Object.entries(said[part] ?? {}).filter(([name, value]) => typeof value === "string" && was(part, name));
  return [
    [t("reveal.sentence"), said.summary],
    ...some("keys").map(([kind, key]) => [named("kind", kind), key]),
    ...some("features").map(([name, value]) => [named("field", name), value]),
  ];
}
