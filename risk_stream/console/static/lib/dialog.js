// A question over the page. Escape, or a click beside it, is "no".

import { h } from "./dom.js";
import { t } from "./i18n.js";

// dialog({title, body: element or sentence, actions: [{label, value, tone?}], no?}) -> Promise of {value, form} or null.
// The body stands in a form; `form` is its FormData. A field that is required holds back every action but "no".
export function dialog({ title, body, actions, no: refusal = t("cancel") }) {
  return new Promise((done) => {
    let answer = null;
    const id = `dialog-${Math.random().toString(36).slice(2)}`;
    const buttons = actions.map(({ label, value, tone }) =>
      h("button", { type: "submit", class: tone ?? "primary", value, on: { click: () => (answer = value) } }, label),
    );
    const no = h("button", { type: "button", class: "quiet", on: { click: () => (answer = null, box.close()) } }, refusal);
    const inside = typeof body === "string" ? h("p", {}, body) : body;
    const form = h("form", { method: "dialog" }, h("h2", { id }, title), inside, h("div", { class: "dialog-actions" }, no, buttons));
    const box = h("dialog", { "aria-labelledby": id, on: { cancel: () => (answer = null), click: (event) => event.target === box && no.click() } }, form);
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.ctrlKey) buttons[0]?.click();
    });
    box.addEventListener("close", () => {
      const data = new FormData(form);
      box.remove();
      done(answer === null ? null : { value: answer, form: data });
    });
    document.body.append(box);
    box.showModal();
    (form.querySelector("[autofocus], input, select, textarea") ?? buttons[0] ?? no).focus();
  });
}

// A question that is answered by yes or no.
export async function confirm(title, sentence, label, tone = "primary") {
  return (await dialog({ title, body: sentence, actions: [{ label, value: "yes", tone }] })) !== null;
}
