// What people do with alerts, from whichever page: asks what has to be asked, sends the act, says what became of it.

import { ApiError, newKey, send } from "./api.js";
import { h } from "./dom.js";
import { named, t } from "./i18n.js";
import { may, person } from "./me.js";
import { choice, dialog, field, say } from "./parts.js";
import "../words/acts.js";

const DISPOSITIONS = ["confirmed", "false_alarm", "known", "other"];

// Whether who is here may work alerts.
export function mayWork() {
  return may("work");
}

// Sends an act on rows (of the list or of a page), meant for the versions that are shown. True: all of it was done.
// What was refused is said in the desk's sentence, which tells who was first.
export async function act(name, rows, more = {}) {
  const alerts = rows.map((row) => row.id);
  const expected = name === "comment" ? {} : Object.fromEntries(rows.filter((row) => row.version > 0).map((row) => [row.id, row.version]));
  return post({ act: name, alerts, expected, ...more });
}

// The same on a whole case: of all its alerts that are not closed.
export function actOnCase(name, id, more = {}) {
  return post({ act: name, case: id, ...more });
}

async function post(body) {
  const key = newKey();
  try {
    let answer;
    try {
      answer = await send("POST", "/v1/acts", body, { key });
    } catch (error) {
      if (error.status !== 0) throw error;
      answer = await send("POST", "/v1/acts", body, { key }); // the same key: it is done once, whether or not it came
    }
    const refused = answer.rulings.filter((ruling) => !ruling.done);
    const done = answer.rulings.length - refused.length;
    if (!refused.length) say(t("acts.done", { n: done, what: t(`acts.${body.act}.done`) }));
    else say(`${t("acts.partly", { done, refused: refused.length })} ${refused[0].why}`, "bad");
    return !refused.length;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    say(error.sentence || t("no_answer"), "bad");
    return false;
  }
}

// Asks what an act needs, then does it with `go(name, more)`; resolves to null where somebody thought better of it.
export async function ask(name, go, { count = 1 } = {}) {
  const form = FORMS[name];
  if (!form) return go(name, {});
  const answer = await dialog({
    title: t(`acts.${name}.title`, { n: count }),
    body: h("div", {}, form.fields()),
    actions: [{ label: t(`acts.${name}`), value: "go" }],
  });
  return answer === null ? null : go(name, form.read(answer.form));
}

const FORMS = {
  assign: {
    fields: () => [field(t("acts.to"), people()), remark()],
    read: (form) => ({ to: form.get("to"), comment: text(form) }),
  },
  escalate: {
    fields: () => [field(t("acts.to"), people(true)), remark()],
    read: (form) => ({ to: form.get("to") || undefined, comment: text(form) }),
  },
  snooze: {
    fields: () => [field(t("acts.for"), choice("for", HOURS.map((hours) => [hours, hours < 24 ? t("acts.hours", { n: hours }) : t("acts.days", { n: hours / 24 })]), 4)), remark()],
    read: (form) => ({ until: Date.now() + Number(form.get("for")) * 3600000, comment: text(form) }),
  },
  close: {
    fields: () => [
      h(
        "fieldset",
        { class: "choices" },
        h("legend", {}, t("acts.as")),
        DISPOSITIONS.map((name) =>
          h("label", {}, h("input", { type: "radio", name: "disposition", value: name, required: true }), h("span", {}, h("b", {}, named("disposition", name)), h("small", {}, t(`acts.as.${name}`)))),
        ),
      ),
      remark(),
    ],
    read: (form) => ({ disposition: form.get("disposition"), comment: text(form) }),
  },
  reopen: { fields: () => [remark()], read: (form) => ({ comment: text(form) }) },
  comment: {
    fields: () => [field(t("acts.comment_field"), h("textarea", { name: "comment", required: true, maxlength: "2000" }))],
    read: (form) => ({ comment: text(form) }),
  },
};

const HOURS = [1, 4, 8, 24, 72, 168];

function people(nobody = false) {
  const me = person();
  const others = (me.people ?? []).filter((name) => name !== me.name).map((name) => [name, name]);
  return choice("to", [...(nobody ? [["", t("acts.as_before")]] : []), [me.name, t("acts.me", { name: me.name })], ...others], nobody ? "" : me.name);
}

function remark() {
  return field(t("acts.remark"), h("textarea", { name: "comment", maxlength: "2000" }));
}

function text(form) {
  return (form.get("comment") ?? "").trim();
}
