// Who did what and when, and whether the log is as it was written.

import { address } from "../lib/address.js";
import { get, query as queryText } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { named, number, t, when } from "../lib/i18n.js";
import { badge, choice, failed, field, head, moment, pager, table, tag } from "../lib/parts.js";
import "../words/audit.js";

const LIMIT = 50;
const NAMES = ["person", "act", "alert", "from", "to", "refused", "all"];
const DAY = 86400000;

export function title() {
  return t("nav.audit");
}

export async function show(root, _, given) {
  const asked = Object.fromEntries(NAMES.filter((name) => given[name]).map((name) => [name, given[name]]));
  let offset = Number(given.offset) || 0;
  const chain = h("div", {});
  const filters = h("div", { class: "bar-row" });
  const list = h("div", { class: "card" });
  const pages = h("div", {});
  const load = async () => {
    address(`/audit${queryText({ ...asked, offset: offset || "" })}`);
    try {
      draw(await get("/v1/audit", { ...asked, limit: LIMIT, offset }));
    } catch (error) {
      replace(list, failed(error, load));
    }
  };
  const change = (name, value) => {
    if (value) asked[name] = value;
    else delete asked[name];
    offset = 0;
    return load();
  };
  const draw = (found) => {
    replace(chain, whole(found.chain));
    if (!filters.childElementCount) replace(filters, form(found, asked, change));
    replace(list, table({ columns: columns(), rows: found.items, label: t("nav.audit"), nothing: t("audit.nothing") }));
    replace(pages, pager({ ...found, go: (next) => ((offset = next), load()) }));
  };
  replace(root, head(t("nav.audit"), t("audit.lead")), chain, filters, list, pages);
  await load();
}

function whole(chain) {
  if (!chain.whole) return h("div", { class: "failed", role: "alert" }, h("p", {}, t("audit.broken", { why: chain.why })));
  const head_ = chain.head && h("code", { title: chain.head }, chain.head.slice(0, 16));
  return h("p", { class: "chain" }, tag(t("audit.whole"), "good"), " ", t("audit.entries", { n: chain.entries }), head_ && [" · ", t("audit.head"), " ", head_], chain.forgotten > 0 && ` · ${t("audit.forgotten", { n: chain.forgotten })}`);
}

function form(found, asked, change) {
  const all = [["", t("audit.anybody")], ...found.people.map((name) => [name, name])];
  const acts = [["", t("audit.any_act")], ...found.acts.map((act) => [act, named("did", act)])];
  const day = (name) => h("input", { type: "date", value: asked[name] ? new Date(Number(asked[name]) - (name === "to" ? DAY : 0)).toLocaleDateString("sv") : "", on: { change: (event) => change(name, ms(event.target.value, name === "to")) } });
  const check = (name) => h("label", { class: "check" }, h("input", { type: "checkbox", checked: asked[name] === "true", on: { change: (event) => change(name, event.target.checked ? "true" : "") } }), h("span", {}, t(`audit.${name}`)));
  return [
    field(t("audit.person"), choice("person", all, asked.person ?? "", (value) => change("person", value))),
    field(t("audit.act"), choice("act", acts, asked.act ?? "", (value) => change("act", value))),
    field(t("audit.from"), day("from")),
    field(t("audit.to"), day("to")),
    field(t("audit.alert"), h("input", { type: "search", value: asked.alert ?? "", maxlength: "100", autocomplete: "off", on: { change: (event) => change("alert", event.target.value.trim()) } })),
    h("div", { class: "checks" }, check("refused"), check("all")),
  ];
}

// A day of the person's own calendar as ms; `after`: the day behind it, so that the day itself is inside.
function ms(text, after) {
  if (!text) return "";
  const [year, month, day] = text.split("-").map(Number);
  return new Date(year, month - 1, day + (after ? 1 : 0)).getTime();
}

function columns() {
  return [
    { key: "time", label: t("audit.when"), cell: (row) => moment(row.time) },
    { key: "by", label: t("audit.who"), cell: (row) => row.by || h("span", { class: "muted" }, t(row.what === "alert" ? "audit.engine" : "audit.time_itself")) },
    { key: "act", label: t("audit.what"), cell: (row) => h("span", {}, named("did", row.act ?? row.what), row.disposition && [" ", tag(named("disposition", row.disposition))]) },
    { key: "of", label: t("audit.of"), grow: true, cell: (row) => of(row) },
    { key: "number", label: t("audit.number"), num: true, wide: true, cell: (row) => number(row.number) },
  ];
}

function of(row) {
  const alerts = row.alerts.map((one) => h("li", {}, badge(one.severity), " ", h("a", { href: `/alerts/${encodeURIComponent(one.id)}` }, one.rule), " ", h("span", { class: "muted" }, now(one))));
  const more = row.more > 0 && h("li", { class: "muted" }, t("audit.more", { n: row.more }));
  const refused = (row.rulings ?? []).map((one) => h("li", { class: "refused" }, tag(t("audit.was_refused"), "bad"), " ", one.why));
  const extra = [];
  if (row.to) extra.push(t("audit.given_to", { to: row.to }));
  if (row.until) extra.push(t("audit.until", { when: when(row.until, { seconds: false }) }));
  if (row.silence) extra.push(`“${row.silence.reason}”`, matched(row.silence), t("audit.until", { when: when(row.silence.ends, { seconds: false }) }));
  else if (row.subject) extra.push(subject(row.subject));
  return h(
    "div",
    { class: "of" },
    (alerts.length > 0 || refused.length > 0) && h("ul", { class: "plain" }, alerts, more, refused),
    extra.length > 0 && h("p", {}, extra.filter(Boolean).flatMap((one, at) => (at ? [" · ", one] : [one]))),
    row.comment && h("p", { class: "comment" }, `“${row.comment}”`),
  );
}

// What personal data were seen of: alert/ID or customer/KEY; of a plan its hash.
function subject(text) {
  const [kind, ...rest] = text.split("/");
  const key = rest.join("/");
  if (!key || !["alert", "customer"].includes(kind)) return h("code", {}, text);
  return h("a", { href: `/${kind}s/${encodeURIComponent(key)}` }, `${t(`audit.of_${kind}`)} ${key}`);
}

function matched(silence) {
  const keys = Object.entries(silence.keys ?? {}).map(([kind, key]) => `${named("kind", kind)} ${key}`);
  return [...(silence.rules ?? []), ...(silence.entities ?? []), ...keys].join(", ");
}

function now(one) {
  const closed = one.standing === "closed" && one.disposition ? named("disposition", one.disposition) : named("standing", one.standing);
  return one.assignee ? `${closed}, ${one.assignee}` : closed;
}
