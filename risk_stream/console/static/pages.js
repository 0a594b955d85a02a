// Which pages there are, by address, and which of them an address means. A page is a module of pages/ with
// `title(params)` and `show(root, params, query)`, which fills `root` and may return what is to be done when it goes.

// [path, its module, {nav: words of its link, key: g and this, may: the permission it takes, bare: needs nobody}]
export const PAGES = [
  ["/", () => import("./pages/overview.js"), { nav: "nav.overview", key: "o", may: "see" }],
  ["/alerts", () => import("./pages/alerts.js"), { nav: "nav.alerts", key: "a", may: "see" }],
  ["/alerts/:id", () => import("./pages/alert.js"), { may: "see" }],
  ["/cases", () => import("./pages/cases.js"), { nav: "nav.cases", key: "c", may: "see" }],
  ["/cases/:id", () => import("./pages/case.js"), { may: "see" }],
  ["/customers", () => import("./pages/customers.js"), { nav: "nav.customers", key: "u", may: "see" }],
  ["/customers/:key", () => import("./pages/customer.js"), { may: "see" }],
  ["/loans/:key", () => import("./pages/loan.js"), { may: "see" }],
  ["/rules", () => import("./pages/rules.js"), { nav: "nav.rules", key: "r", may: "see" }],
  ["/rules/:id", () => import("./pages/rule.js"), { may: "see" }],
  ["/models", () => import("./pages/models.js"), { nav: "nav.models", key: "m", may: "see" }],
  ["/models/:name", () => import("./pages/model.js"), { may: "see" }],
  ["/quality", () => import("./pages/quality.js"), { nav: "nav.quality", key: "q", may: "see" }],
  ["/silences", () => import("./pages/silences.js"), { nav: "nav.silences", key: "s", may: "see" }],
  ["/audit", () => import("./pages/audit.js"), { nav: "nav.audit", key: "t", may: "audit" }],
  ["/views", () => import("./pages/views.js"), { nav: "nav.views", key: "v", may: "compose" }],
  ["/views/:id", () => import("./pages/view.js"), { may: "compose" }],
  ["/signin", () => import("./pages/signin.js"), { bare: true }],
];

// {load, page, pattern, params} of the page at a path; null where there is none.
export function match(path) {
  const asked = path.split("/");
  for (const [pattern, load, page] of PAGES) {
    const parts = pattern.split("/");
    if (parts.length !== asked.length) continue;
    const params = {};
    const fits = parts.every((part, at) => {
      if (!part.startsWith(":")) return part === asked[at];
      params[part.slice(1)] = decoded(asked[at]);
      return asked[at] !== "";
    });
    if (fits) return { pattern, load, page, params };
  }
  return null;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
