// Words, numbers and times in the person's language. Every key has both languages; a page registers its own words.

const LOCALES = { en: "en-GB", zh: "zh-CN" };
const tables = { en: new Map(), zh: new Map() };

let current = "en";
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let made = new Map(); // formats, which are dear to make

export const LANGUAGES = Object.keys(LOCALES);

export function lang() {
  return current;
}

export function setLang(name) {
  current = LOCALES[name] ? name : "en";
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  made = new Map();
}

// The house's zone, as "Asia/Shanghai"; one that is not known changes nothing.
export function setZone(name) {
  try {
    if (name) new Intl.DateTimeFormat("en", { timeZone: name });
    if (name) zone = name;
    made = new Map();
  } catch {
    // times stay in the browser's zone
  }
}

// words({en: {"alerts.title": "Alerts"}, zh: {"alerts.title": "预警"}})
export function words(both) {
  for (const [name, table] of Object.entries(both)) {
    for (const [key, text] of Object.entries(table)) tables[name].set(key, text);
  }
}

// t("alerts.new", {n: 12}): the words of a key, with {n} filled in. "one | many" are two forms, chosen by n.
export function t(key, values) {
  let text = tables[current].get(key) ?? tables.en.get(key) ?? key;
  if (values && "n" in values && text.includes(" | ")) text = text.split(" | ")[Number(values.n) === 1 ? 0 : 1];
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : String(value);
  });
}

// The words of a name that data bring (a stage, a severity), or the name itself where there are none.
export function named(group, name) {
  const key = `${group}.${name}`;
  return tables[current].get(key) ?? tables.en.get(key) ?? String(name).replaceAll("_", " ");
}

// Keys that one language lacks: for the test that there are none.
export function missing() {
  const all = new Set([...tables.en.keys(), ...tables.zh.keys()]);
  return [...all].filter((key) => !tables.en.has(key) || !tables.zh.has(key));
}

export function number(x, digits) {
  if (typeof x !== "number" || !Number.isFinite(x)) return "–";
  const most = digits ?? (Number.isInteger(x) ? 0 : Math.abs(x) >= 100 ? 1 : Math.abs(x) >= 1 ? 2 : 4);
  const least = digits ?? 0;
  return format(`n${least}-${most}`, () => numbers({ minimumFractionDigits: least, maximumFractionDigits: most })).format(x);
}

// An amount in major units, two digits: 127,100.00.
export function money(x) {
  return number(x, 2);
}

// 0.123 -> 12.3 %.
export function percent(x, digits = 1) {
  if (typeof x !== "number" || !Number.isFinite(x)) return "–";
  return format(`p${digits}`, () => numbers({ style: "percent", maximumFractionDigits: digits })).format(x);
}

// A moment (ms since 1970 UTC) in the house's zone: 29 Nov 2026, 10:42:05; with {seconds: false} to the minute.
export function when(ms, { seconds = true, date = true } = {}) {
  if (!Number.isFinite(ms)) return "–";
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  if (seconds) shape.second = "2-digit";
  if (date) Object.assign(shape, { year: "numeric", month: "short", day: "numeric" });
  return format(`w${seconds}${date}`, () => new Intl.DateTimeFormat(LOCALES[current], shape)).format(ms);
}

// A day in the house's zone: 29 Nov 2026.
export function day(ms) {
  if (!Number.isFinite(ms)) return "–";
  const shape = { year: "numeric", month: "short", day: "numeric", timeZone: zone };
  return format("day", () => new Intl.DateTimeFormat(LOCALES[current], shape)).format(ms);
}

// What a field for a day and an hour holds (2026-11-29T10:42) for a moment, as the house's clocks show it; and back.
export function clock(ms) {
  return new Date(ms + offset(ms)).toISOString().slice(0, 16);
}

export function fromClock(text) {
  const guess = Date.parse(`${text}Z`);
  return guess - offset(guess - offset(guess));
}

function offset(ms) {
  const shape = { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" };
  const parts = format("offset", () => new Intl.DateTimeFormat("en-GB", shape)).formatToParts(ms);
  const [year, month, on, hour, minute, second] = ["year", "month", "day", "hour", "minute", "second"].map((name) => Number(parts.find((part) => part.type === name).value));
  return Date.UTC(year, month - 1, on, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

const UNITS = [
  ["year", 31536e6],
  ["month", 2592e6],
  ["day", 864e5],
  ["hour", 36e5],
  ["minute", 6e4],
  ["second", 1e3],
];

// How long ago a moment was: 3 min ago; in 2 hr of one to come.
export function ago(ms, now = Date.now()) {
  if (!Number.isFinite(ms)) return "–";
  const [unit, size] = UNITS.find(([, length]) => Math.abs(now - ms) >= length) ?? UNITS.at(-1);
  const relative = format("ago", () => new Intl.RelativeTimeFormat(LOCALES[current], { numeric: "auto", style: "short" }));
  return relative.format(Math.round((ms - now) / size), unit);
}

// A length of time in ms: 250 ms, 12 s, 5 min, 3 hr, 2 days.
export function span(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (Math.abs(ms) < 1000) return `${number(Math.round(ms))} ms`;
  const [unit, size] = UNITS.find(([name, length]) => !["year", "month"].includes(name) && Math.abs(ms) >= length);
  const shape = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: Math.abs(ms / size) < 10 ? 1 : 0 };
  return format(`s${unit}${shape.maximumFractionDigits}`, () => numbers(shape)).format(ms / size);
}

function numbers(shape) {
  return new Intl.NumberFormat(LOCALES[current], shape);
}

function format(name, make) {
  if (!made.has(name)) made.set(name, make());
  return made.get(name);
}
