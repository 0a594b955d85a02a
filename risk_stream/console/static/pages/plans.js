// The plan in force, those that wait for somebody's approval, and what each would change.

import { go } from "../lib/address.js";
import { get, send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { number, t } from "../lib/i18n.js";
import { may, person } from "../lib/me.js";
import { button, card, dialog, empty, facts, failed, field, head, loading, say, since, table, tag } from "../lib/parts.js";
import { startBacktest } from "./backtests.js";
import "../words/rules.js";

const TONES = { added: "good", removed: "bad", edited: "warn" };

export async function plans(panel) {
  replace(panel, loading());
  try {
    replace(panel, overview(await get("/v1/plans"), () => plans(panel)));
  } catch (error) {
    replace(panel, failed(error, () => plans(panel)));
  }
}

function overview(found, again) {
  const now = found.in_force;
  const differs = found.files && (!now || found.files.plan !== now.plan);
  const files = differs ? h("a", { href: `/rules?plan=${found.files.plan}` }, t("plans.differ", { plan: found.files.plan })) : t("plans.same");
  const propose = found.four_eyes && differs && may("propose") && button(t("plans.propose"), () => proposed(again), { tone: "primary" });
  return h(
    "div",
    { class: "stack" },
    found.problem && h("div", { class: "failed", role: "alert" }, h("div", {}, h("p", {}, t("rules.problem")), h("p", { class: "wraps" }, found.problem))),
    card(
      t("plans.in_force"),
      { actions: propose ? [propose] : null },
      h("p", { class: "muted" }, t(found.four_eyes ? "plans.four_eyes" : "plans.no_four_eyes")),
      facts([
        [t("plans.in_force"), now ? t("plans.now", { plan: now.plan, n: now.rules }) : t("plans.none")],
        ["", found.approved_by && t("plans.approved_by", { by: found.approved_by })],
        [t("plans.files"), found.files && files],
      ]),
    ),
    found.four_eyes && card(t("plans.waiting"), waiting(found.items)),
  );
}

function waiting(items) {
  return table({
    label: t("plans.waiting"),
    nothing: t("plans.nothing"),
    rows: items,
    href: (row) => `/rules?plan=${row.plan}`,
    columns: [
      { key: "plan", label: t("plans.plan") },
      { key: "by", label: t("plans.by"), cell: (row) => row.proposers.join(", ") },
      { key: "at", label: t("rule.when"), cell: (row) => since(row.at) },
      { key: "comment", label: t("plans.comment"), grow: true },
    ],
  });
}

async function proposed(again) {
  const comment = h("textarea", { name: "comment", rows: 3, maxlength: 2000 });
  const answer = await dialog({
    title: t("plans.propose"),
    body: field(t("plans.comment"), comment, t("plans.propose_hint")),
    actions: [{ label: t("plans.propose"), value: "yes" }],
  });
  if (!answer) return;
  try {
    const { plan } = await send("POST", "/v1/plans", { comment: answer.form.get("comment") });
    say(t("plans.proposed", { plan }), "good");
    again();
  } catch (error) {
    say(error.sentence || t("no_answer"), "bad");
  }
}

// One plan beside the one in force.
export async function showPlan(root, version) {
  replace(root, head(version), loading());
  const found = await get(`/v1/plans/${encodeURIComponent(version)}`);
  const may_approve = may("approve") && !found.in_force && found.proposers.length > 0 && !found.proposers.includes(person()?.name);
  const actions = [
    may("backtest") && !found.in_force && button(t("plans.try"), () => startBacktest({ plan: found.plan })),
    may_approve && button(t("plans.approve"), () => approved(found), { tone: "primary" }),
  ].filter(Boolean);
  const lead = h("p", { class: "lead" }, h("a", { href: "/rules?tab=plans" }, t("plans.back")));
  replace(
    root,
    head(t("plans.difference", { plan: found.plan }), lead, ...actions),
    card(
      t("plans.plan"),
      facts([
        [t("plans.plan"), t("plans.now", { plan: found.plan, n: found.rules })],
        [t("plans.by"), found.proposers.join(", ")],
        [t("rule.when"), found.at && since(found.at)],
        [t("plans.comment"), found.comment],
        [t("plans.in_force"), found.against],
      ]),
    ),
    card(t("bt.differs"), difference(found)),
  );
}

function difference(found) {
  if (found.in_force) return empty(t("plans.no_difference"));
  if (!found.edited.length && !found.models.length) return empty(t("plans.nothing_means"));
  return h(
    "div",
    {},
    found.edited.map((one) =>
      h(
        "div",
        { class: "change" },
        h("h3", {}, one.rule, " ", tag(t(`plans.status.${one.status}`), TONES[one.status])),
        one.status === "edited" && h("ul", {}, one.edits.map((edit) => h("li", {}, h("strong", {}, edit.what), " ", edit.before && h("del", {}, edit.before), " ", edit.after && h("ins", {}, edit.after)))),
      ),
    ),
    found.models.map((one) => h("div", { class: "change" }, h("h3", {}, one.model, " ", tag(t(`plans.status.${one.status}`), TONES[one.status])))),
    found.more > 0 && h("p", { class: "muted" }, t("plans.more", { n: number(found.more) })),
  );
}

async function approved(found) {
  const comment = h("textarea", { name: "comment", rows: 3, maxlength: 2000 });
  const answer = await dialog({
    title: t("plans.approve_title", { plan: found.plan }),
    body: field(t("plans.comment"), comment, t("plans.approve_hint")),
    actions: [{ label: t("plans.approve"), value: "yes" }],
  });
  if (!answer) return;
  try {
    await send("POST", "/v1/acts", { act: "approve", subject: found.plan, comment: answer.form.get("comment") });
    say(t("plans.approved", { plan: found.plan }), "good");
    go("/rules?tab=plans");
  } catch (error) {
    say(error.sentence || t("no_answer"), "bad");
  }
}
