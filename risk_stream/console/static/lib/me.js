// Who is here, as the server says, and what they may do.

import { ApiError, get, setCsrf } from "./api.js";
import { setLang, setZone, t } from "./i18n.js";
import * as live from "./live.js";
import { say } from "./parts.js";
import { kept } from "./store.js";

let me = null;

// As /v1/me says: {name, shown, roles, may, entities, people, ...}; null where nobody is.
export function person() {
  return me;
}

export function may(permission) {
  return me?.may?.includes(permission) ?? false;
}

// Asks who is here; nobody is, where the server says so.
export async function meet() {
  try {
    me = await get("/v1/me");
    setCsrf(me.csrf);
    setZone(me.zone);
    if (!kept("language") && me.language) setLang(me.language);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    me = null;
    if (error.status !== 401) say(error.sentence || t("no_answer"), "bad");
  }
}

// Nobody is here any more, and nothing more is told.
export function forget() {
  live.close();
  me = null;
}
