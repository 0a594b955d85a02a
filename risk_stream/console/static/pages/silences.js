// Silences: which alerts nobody is told of, who wanted it, why, and until when; adding one shows first what it matches.

import { get, send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { ago, named, number, t, when } from "../lib/i18n.js";
import { may } from "../lib/me.js";
import { badge, button, choice, confirm, dialog, failed, field, head, say, table, tag } from "../lib/parts.js";
import "../words/silences.js";

const HOUR = 3600000;
const LENGTHS = [1, 4, 24, 72, 168, 720]; // hours
const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const STAGES = ["pre_loan", "mid_loan", "post_loan", "trading"];
const KINDS = ["customer", "account", "loan", "group", "instrument", "device", "counterparty"];
const WAIT = 250; // ms of no typing before a preview is asked for

export function title() {
  return t("nav.silences");
}

// /silences?new=1&rule=...&kind=customer&key=... begins one, as an alert's page links to it.
export async function show(root, _, given) {
  let over = given.over === "true";
  const list = h("div", { class: "card" });
  const load = async () => {
    try {
      const found = await get("/v1/silences", { over: over ? "true" : "", limit: 200 });
      replace(list, table({ columns: columns(found.now, end), rows: found.items, label: t("nav.silences"), nothing: t("silences.nothing"), mark: (row) => (row.ends <= found.now ? "over" : null) }));
    } catch (error) {
      replace(list, failed(error, load));
    }
  };
  const end = async (row) => {
    if (!(await confirm(t("silences.end"), t("silences.end_ask", { reason: row.reason }), t("silences.end")))) return;
    await done(() => send("POST", "/v1/acts", { act: "unsilence", subject: row.id }), t("silences.ended"), load);
  };
  const add = may("silence") && button(t("silences.add"), () => ask({}, load), { tone: "primary" });
  const all = h("label", { class: "check" }, h("input", { type: "checkbox", checked: over, on: { change: (event) => ((over = event.target.checked), load()) } }), h("span", {}, t("silences.over")));
  replace(root, head(t("nav.silences"), t("silences.lead"), add), h("div", { class: "bar-row" }, all), list);
  await load();
  if (given.new && may("silence")) ask(given, load);
}

function columns(now, end) {
  return [
    { key: "reason", label: t("silences.reason"), grow: true, cell: (row) => h("strong", {}, row.reason) },
    { key: "of", label: t("silences.of"), cell: (row) => matchers(row) },
    { key: "open", label: t("silences.matches"), num: true, cell: (row) => number(row.open) },
    { key: "by", label: t("silences.by"), cell: (row) => row.by },
    { key: "ends", label: t("silences.until"), cell: (row) => ends(row, now) },
    ...(may("silence") ? [{ key: "end", label: "", cell: (row) => row.ends > now && button(t("silences.end"), () => end(row), { tone: "quiet" }) }] : []),
  ];
}

function ends(row, now) {
  const word = row.ends <= now ? tag(t(row.ended_by ? "silences.ended_by" : "silences.is_over", { by: row.ended_by })) : row.active ? tag(t("silences.stands"), "warn") : tag(t("silences.to_come"));
  return h("span", {}, h("time", { datetime: new Date(row.ends).toISOString(), title: when(row.ends) }, when(row.ends, { seconds: false })), " ", h("span", { class: "muted" }, ago(row.ends, now)), " ", word);
}

function matchers(row) {
  const words = [
    ...row.rules.map((rule) => h("a", { href: `/rules/${encodeURIComponent(rule)}` }, rule)),
    ...row.stages.map((stage) => tag(named("stage", stage))),
    ...row.severities.map(badge),
    ...row.entities.map((entity) => tag(entity)),
    ...Object.entries(row.keys).map(([kind, key]) => tag(`${named("kind", kind)} ${key}`)),
  ];
  return h("div", { class: "tags" }, words);
}

// A form, and under it what the silence would match now.
async function ask(given, load) {
  const preview = h("div", { class: "preview", "aria-live": "polite" });
  let timer = 0;
  const look = (event) => {
    clearTimeout(timer);
    const form = event.currentTarget.closest("form");
    timer = setTimeout(() => look_(form, preview), WAIT);
  };
  const check = (name, value, words) => h("label", { class: "check" }, h("input", { type: "checkbox", name, value, checked: given[name.replace(/s$/, "")] === value }), h("span", {}, words));
  const body = h(
    "div",
    { on: { input: look, change: look } },
    field(t("silences.reason"), h("input", { name: "reason", required: true, maxlength: "300", autofocus: true, autocomplete: "off" }), t("silences.reason_hint")),
    field(t("silences.length"), choice("hours", LENGTHS.map((hours) => [String(hours), t(hours < 24 ? "silences.hours" : "silences.days", { n: hours < 24 ? hours : hours / 24 })]), "4")),
    h("p", { class: "muted" }, t("silences.which")),
    field(t("silences.rules"), h("input", { name: "rules", value: given.rule ?? "", autocomplete: "off", maxlength: "600" }), t("silences.commas")),
    h("div", { class: "halves" }, field(t("silences.kind"), choice("kind", [["", "–"], ...KINDS.map((kind) => [kind, named("kind", kind)])], given.kind ?? "")), field(t("silences.key"), h("input", { name: "key", value: given.key ?? "", autocomplete: "off", maxlength: "120" }))),
    field(t("silences.entities"), h("input", { name: "entities", value: given.entity ?? "", autocomplete: "off", maxlength: "600" }), t("silences.commas")),
    h("fieldset", { class: "checks" }, h("legend", {}, t("silences.severities")), SEVERITIES.map((severity) => check("severities", severity, named("severity", severity)))),
    h("fieldset", { class: "checks" }, h("legend", {}, t("silences.stages")), STAGES.map((stage) => check("stages", stage, named("stage", stage)))),
    preview,
  );
  const answer = dialog({ title: t("silences.add"), body, actions: [{ label: t("silences.add"), value: "add" }] });
  const form = body.closest("form");
  if (form) look_(form, preview);
  const said = await answer;
  clearTimeout(timer);
  if (said) await done(() => send("POST", "/v1/acts", { act: "silence", silence: silenceOf(said.form) }), t("silences.added"), load);
}

async function look_(form, preview) {
  const silence = silenceOf(new FormData(form));
  try {
    const found = await send("POST", "/v1/silences/preview", { ...silence, reason: silence.reason || "…" });
    const rows = found.items.map((row) => h("li", {}, badge(row.severity), " ", row.summary || row.rule));
    replace(preview, found.why ? h("p", { class: "muted" }, found.why) : h("p", {}, h("strong", {}, t("silences.would", { n: found.open }))), h("ul", { class: "plain" }, rows));
  } catch (error) {
    replace(preview, failed(error));
  }
}

function silenceOf(data) {
  const list = (name) => String(data.get(name) ?? "").split(",").map((word) => word.trim()).filter(Boolean);
  const [kind, key, now] = [data.get("kind"), String(data.get("key") ?? "").trim(), Date.now()];
  return {
    id: "",
    by: "",
    reason: String(data.get("reason") ?? "").trim(),
    begins: now,
    ends: now + Number(data.get("hours")) * HOUR,
    rules: list("rules"),
    entities: list("entities"),
    severities: data.getAll("severities"),
    stages: data.getAll("stages"),
    keys: kind && key ? { [kind]: key } : {},
  };
}

async function done(act, sentence, load) {
  try {
    const said = await act();
    const refused = said.rulings.find((ruling) => !ruling.done);
    say(refused ? refused.why : sentence, refused ? "bad" : "");
  } catch (error) {
    say(error.body?.rulings?.[0]?.why || error.sentence || t("no_answer"), "bad");
  }
  await load();
}
