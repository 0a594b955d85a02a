// Makes elements. Text is only ever text (textContent), and there are no inline handlers or style attributes: the
// console's content security policy forbids them, and so a name that holds a script stays a name.

const SVG = "http://www.w3.org/2000/svg";

// h("a", {class: "x", href: "/alerts", on: {click: fn}, dataset: {id: 1}, style: {width: "40%"}}, "text", child, [more])
// Null, undefined and false among the children are left out; other values become text.
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

// The same for elements of a drawing.
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

// Puts children in the place of all that an element holds.
export function replace(root, ...children) {
  root.replaceChildren(...flat(children));
  return root;
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, word] of Object.entries(value)) element.style.setProperty(key, word);
    else if (name === "class") element.setAttribute("class", Array.isArray(value) ? value.filter(Boolean).join(" ") : value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if ((name === "href" || name === "src") && !safe(value)) continue;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "indeterminate", "hidden"]);

// Links lead to this console or to a web address that is said whole, and to no script.
function safe(value) {
  return /^(\/(?!\/)|#|\?|https?:\/\/|data:image\/)/.test(String(value));
}

function flat(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== true)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}
