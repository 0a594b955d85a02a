// The events of a subject around a moment, from the house's logs: by day, the one that is told of marked.

import { get } from "./api.js";
import { h, replace, s } from "./dom.js";
import { day, money, named, number, t, when } from "./i18n.js";
import { button, card, empty, failed, loading } from "./parts.js";
import "../words/timeline.js";

const FIRST = 12; // events that are shown before somebody asks for more

// Fills `root` with a card of what `path` answers: {event, items: [{id, type, time, fields}], total, gaps}.
export async function timelineCard(root, path, { about = null, params = {} } = {}) {
  replace(root, card(t("timeline.title"), loading()));
  try {
    const told = await get(path, params);
    timelineOf(root, told, about ?? told.event);
  } catch (error) {
    replace(root, card(t("timeline.title"), failed(error, () => timelineCard(root, path, { about, params }))));
  }
}

// The same of events that are here already.
export function timelineOf(root, told, about = null) {
  draw(root, told, about, false);
}

function draw(root, told, about, all) {
  const { items, gaps = [] } = told;
  const middle = items.findIndex((event) => event.id === about);
  const end = middle < 0 ? items.length : Math.min(items.length, middle + 4);
  const rows = all ? items : items.slice(Math.max(0, end - FIRST), end);
  const notes = gaps.map((gap) => h("p", { class: "muted" }, t(`gap.${gap.what}`, gap)));
  if (!items.length) return replace(root, card(t("timeline.title"), empty(t("timeline.none")), notes));
  const more = rows.length < items.length && button(t("timeline.all", { n: items.length }), () => draw(root, told, about, true), { tone: "quiet" });
  const own = new Set(Object.values(told.keys ?? {}).filter((some) => some.length === 1).flat()); // said of every event
  const lines = [];
  let shownDay = "";
  for (const event of rows) {
    const today = day(event.time);
    if (today !== shownDay) lines.push(h("li", { class: "day" }, today));
    shownDay = today;
    lines.push(line(event, event.id === about, own));
  }
  replace(root, card(t("timeline.title"), { actions: more || null }, ribbon(items, about), h("ol", { class: "timeline" }, lines), notes));
}

function line(event, is, own) {
  const amount = Object.entries(event.fields).find(([name, value]) => name === "amount" && typeof value === "number");
  const others = Object.entries(event.fields).filter(([name, value]) => name !== "amount" && value !== null && value !== "" && !QUIET.has(name) && !own.has(value));
  return h(
    "li",
    { class: is ? "is" : null, "aria-current": is ? "true" : null },
    h("time", { datetime: new Date(event.time).toISOString() }, when(event.time, { date: false })),
    h("span", { class: "dot", "aria-hidden": "true" }),
    h(
      "div",
      {},
      h("b", {}, named("event", event.type)),
      amount && h("span", { class: "amount" }, money(amount[1])),
      is && h("span", { class: "only-read" }, t("timeline.this")),
      h("span", { class: "muted fields" }, others.slice(0, 6).map(([name, value]) => `${named("field", name)} ${shown(value)}`).join(" · ")),
    ),
  );
}

const QUIET = new Set(["received", "channel", "type", "entity", "sequence", "source"]);

function shown(value) {
  if (typeof value === "boolean") return t(value ? "timeline.yes" : "timeline.no");
  if (typeof value === "number") return Math.abs(value) > 1e11 && Math.abs(value) < 1e14 ? when(value, { seconds: false }) : number(value);
  return String(value);
}

// All events as ticks along the time that they span.
function ribbon(items, about) {
  if (items.length < 3) return null;
  const [first, last] = [items[0].time, items.at(-1).time];
  const at = (time) => 4 + ((time - first) / Math.max(1, last - first)) * 592;
  const ticks = items.map((event) => s("line", { class: event.id === about ? "is" : null, x1: at(event.time).toFixed(1), x2: at(event.time).toFixed(1), y1: event.id === about ? 0 : 5, y2: 22 }));
  const label = t("timeline.ribbon", { n: items.length, first: when(first, { seconds: false }), last: when(last, { seconds: false }) });
  return s("svg", { class: "ribbon", viewBox: "0 0 600 24", role: "img", "aria-label": label, preserveAspectRatio: "none" }, s("line", { class: "base", x1: 0, x2: 600, y1: 22, y2: 22 }), ticks);
}
