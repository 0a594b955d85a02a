// Signs a person in: at the house's provider, or with a token.

import { go } from "../lib/address.js";
import { get, send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { meet } from "../lib/me.js";
import { field } from "../lib/parts.js";
import "../words/signin.js";

export function title() {
  return t("signin.title");
}

export async function show(root, _, query) {
  const ways = await get("/v1/session");
  const wrong = h("p", { class: "wrong", role: "alert" });
  const press = h("button", { type: "submit", class: "primary" }, t("signin.go"));
  const submit = async (event) => {
    event.preventDefault();
    press.disabled = true;
    replace(wrong);
    try {
      await send("POST", "/v1/session", { token: new FormData(event.target).get("token").trim() });
      await meet();
      go(/^\/(?!\/)/.test(query.to ?? "") ? query.to : "/", { replacing: true }); // the page that was wanted, of this console
    } catch (error) {
      replace(wrong, error.sentence || t("no_answer"));
    } finally {
      press.disabled = false;
    }
  };
  const token = h("input", { type: "password", name: "token", autocomplete: "off", spellcheck: "false", required: true, maxlength: "200", autofocus: true });
  replace(
    root,
    h(
      "section",
      { class: "card signin" },
      h("h1", {}, t("signin.title")),
      ways.provider && h("a", { class: "button primary", href: "/v1/session/provider" }, t("signin.provider")),
      ways.provider && h("p", { class: "or" }, t("signin.or")),
      h("form", { on: { submit } }, field(t("signin.token"), token, t("signin.hint")), wrong, press),
    ),
  );
  requestAnimationFrame(() => token.focus());
}
