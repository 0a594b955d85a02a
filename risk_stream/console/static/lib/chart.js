// Pictures: small ones are SVG made here, those over time are drawn by uPlot (vendor/), which is fetched when first used.

import { h, s } from "./dom.js";
import { number, when } from "./i18n.js";

// Bars upon each other, widest first as given: [{label, value, text?, href?, tone?, of?}]; `of` is what a full bar is.
export function bars(rows, { label = "" } = {}) {
  const most = Math.max(...rows.map((row) => row.of ?? row.value ?? 0), 0) || 1;
  return h(
    "ul",
    { class: "bars", "aria-label": label || null },
    rows.map((row) => {
      const share = Math.max(0, Math.min(1, (row.value ?? 0) / most));
      const bar = s(
        "svg",
        { class: ["bar", row.tone && `tone-${row.tone}`], viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
        s("rect", { class: "rail", width: 100, height: 8 }),
        s("rect", { class: "part", width: (share * 100).toFixed(2), height: 8 }),
      );
      const name = row.href ? h("a", { href: row.href }, row.label) : h("span", {}, row.label);
      return h("li", {}, name, bar, h("span", { class: "num" }, row.text ?? number(row.value)));
    }),
  );
}

// Columns over time as SVG: values of equal steps, with a title on each. marks: [{at, label}] are upright lines.
export function columns(values, { label = "", width = 320, height = 64, title = null } = {}) {
  const most = Math.max(...values, 0) || 1;
  const step = width / Math.max(1, values.length);
  const made = values.map((value, at) => {
    const tall = Math.max(value > 0 ? 2 : 0, (value / most) * (height - 2));
    const shape = { x: (at * step + 0.5).toFixed(1), y: (height - tall).toFixed(1), width: Math.max(1, step - 1).toFixed(1), height: tall.toFixed(1) };
    return s("rect", { class: "part", ...shape }, title && s("title", {}, title(value, at)));
  });
  return s("svg", { class: "columns", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" }, made);
}

// Columns of which each is made of parts, lowest first: rows of {parts: [[tone, value], ...], title}; tones are
// severities. The height of a full column is the largest sum.
export function stacked(rows, { label = "", width = 480, height = 90 } = {}) {
  const sum = (row) => row.parts.reduce((all, [, value]) => all + value, 0);
  const most = Math.max(...rows.map(sum), 0) || 1;
  const step = width / Math.max(1, rows.length);
  const made = rows.map((row, at) => {
    let below = height;
    const parts = row.parts.map(([tone, value]) => {
      const tall = (value / most) * (height - 2);
      below -= tall;
      const shape = { x: (at * step + 1).toFixed(1), y: below.toFixed(2), width: Math.max(1, step - 2).toFixed(1), height: tall.toFixed(2) };
      return value > 0 && s("rect", { class: `sev-${tone}`, ...shape });
    });
    const rail = s("rect", { class: "rail", x: (at * step + 1).toFixed(1), y: height - 1, width: Math.max(1, step - 2).toFixed(1), height: 1 });
    return s("g", {}, s("title", {}, row.title), rail, parts);
  });
  return s("svg", { class: "stacked", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" }, made);
}

// lines(root, {x: [ms], series: [{label, values, tone?, dash?}], height?, unit?}) -> {set(data), stop()}.
// `x` are ms since 1970; numbers instead with time: false. null is a gap.
export async function lines(root, { x, series, height = 200, time = true, unit = "", label = "" }) {
  const uPlot = await load();
  const toRow = (at) => [time ? at.x.map((ms) => ms / 1000) : at.x, ...at.series.map((one) => one.values)];
  let plot = null;
  let data = { x, series };
  const draw = () => {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const tones = ["--accent", "--sev-high", "--good", "--sev-medium", "--sev-low", "--muted"];
    plot?.destroy();
    plot = new uPlot(
      {
        width: Math.max(200, root.clientWidth),
        height,
        scales: { x: { time } },
        legend: { live: true },
        cursor: { y: false },
        axes: [{ ...axis }, { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => number(tick) + unit) }],
        series: [
          { label: "", value: (_, at) => (at === null ? "" : time ? when(at * 1000, { seconds: false }) : number(at)) },
          ...data.series.map((one, at) => ({
            label: one.label,
            stroke: colour(one.tone ? `--${one.tone}` : tones[at % tones.length]),
            width: 1.5,
            dash: one.dash,
            points: { show: data.x.length < 3 },
            value: (_, value) => (value === null || value === undefined ? "–" : number(value) + unit),
          })),
        ],
      },
      toRow(data),
      root,
    );
  };
  root.classList.add("chart");
  root.setAttribute("role", "img");
  root.setAttribute("aria-label", label || series.map((one) => one.label).join(", "));
  draw();
  const wider = new ResizeObserver(() => plot.setSize({ width: Math.max(200, root.clientWidth), height }));
  wider.observe(root);
  document.addEventListener("theme", draw);
  return {
    set(next) {
      data = { ...data, ...next };
      plot.setData(toRow(data));
    },
    stop() {
      wider.disconnect();
      document.removeEventListener("theme", draw);
      plot.destroy();
    },
  };
}

let loaded = null;

function load() {
  loaded ??= new Promise((done, fail) => {
    document.head.append(h("link", { rel: "stylesheet", href: "/static/vendor/uPlot.min.css" }));
    const script = h("script", { src: "/static/vendor/uPlot.iife.min.js" });
    script.addEventListener("load", () => done(window.uPlot));
    script.addEventListener("error", () => ((loaded = null), fail(new Error("the chart's script did not load"))));
    document.head.append(script);
  });
  return loaded;
}
