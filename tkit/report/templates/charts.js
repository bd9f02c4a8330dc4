/* Charts as SVG: they take their colours from the stylesheet, and their width from the page. */
"use strict";

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "circle", "rect", "g", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
                   : document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined && value !== null && value !== false)
      made.setAttribute(key, value === true ? "" : value);
  made.append(...children);
  return made;
}

/* About `count` round numbers from `low` to `high`. */
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough * 0.999);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) found.push(n * step);
  return found;
}

/* Round numbers on an axis of logarithms: 1, 2 and 5 of each decade, or fewer of them. */
function decades(low, high) {
  for (const of of [[1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      found.push(...of.map(n => n * 10 ** power).filter(v => v >= low && v <= high));
    if (found.length <= 6 || of.length === 1) return found;
  }
}

const short = value => value === 0 ? "0" : Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3
  ? value.toExponential(1) : String(Number(value.toPrecision(5)));

const MARGIN = {left: 44, right: 10, top: 6, bottom: 20};

/* A frame with axes; `draw(svg, x, y, width)` puts in what it shows, anew when the width changes. */
function chart({caption, about = "", height = 130, x: [x0, x1], y: [y0, y1], xName = v => short(v),
                log = false, draw, label, rows = []}) {
  const holder = element("figure", {class: "chart"});
  const head = element("figcaption", {}, element("b", {}, caption), about ? " — " + about : "");
  const svg = element("svg", {role: "img", "aria-label": label || caption, height});
  holder.append(head, svg);
  const scale = {};
  const left = Math.max(MARGIN.left, ...rows.map(name => Math.min(name.length, 16) * 6.6 + 10));
  const paint = () => {
    const width = Math.max(svg.clientWidth || 300, 120);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const top = MARGIN.top, bottom = height - MARGIN.bottom, right = width - MARGIN.right;
    const at = log ? Math.log : v => v;
    scale.x = v => left + (v - x0) / (x1 - x0 || 1) * (right - left);
    scale.y = v => bottom - (at(v) - at(y0)) / (at(y1) - at(y0) || 1) * (bottom - top);
    scale.back = px => x0 + (px - left) / (right - left) * (x1 - x0);
    const ys = rows.length ? [] : log ? decades(y0, y1) : ticks(y0, y1, 4);
    for (const v of ys) {
      svg.append(element("line", {class: "grid", x1: left, x2: right, y1: scale.y(v), y2: scale.y(v)}),
                 element("text", {x: left - 6, y: scale.y(v), dy: "0.35em", "text-anchor": "end"}, short(v)));
    }
    rows.forEach((name, i) => svg.append(element("text", {x: left - 8, y: scale.y(i), dy: "0.35em",
      "text-anchor": "end"}, name.length > 16 ? name.slice(0, 15) + "…" : name)));
    for (const v of ticks(x0, x1, Math.max(2, Math.floor(width / 80))))
      svg.append(element("text", {x: scale.x(v), y: height - 4,
        "text-anchor": scale.x(v) > right - 14 ? "end" : "middle"}, xName(v)));
    draw(svg, scale, {top, bottom, left, right});
  };
  new ResizeObserver(paint).observe(holder);
  holder.scale = scale;
  holder.paint = paint;
  return holder;
}

/* A path through numbers; a gap where there is none. At most two points a pixel column. */
function path(values, scale, xs) {
  const count = values.length, every = Math.max(1, Math.floor(count / 2000));
  let text = "", pen = false;
  for (let i = 0; i < count; i += every) {
    let v = values[i];
    if (every > 1) {  // the value of the bucket that is furthest from its first
      for (let j = i; j < Math.min(i + every, count); j++)
        if (Math.abs(values[j] - values[i]) > Math.abs(v - values[i])) v = values[j];
    }
    if (v === null || Number.isNaN(v)) { pen = false; continue; }
    text += `${pen ? "L" : "M"}${scale.x(xs ? xs[i] : i).toFixed(1)} ${scale.y(v).toFixed(1)}`;
    pen = true;
  }
  return text;
}

/* Where two charts say something at a point: `found(event)` gives the text, or nothing. */
function tipped(holder, found) {
  const tip = element("div", {class: "tip", hidden: true});
  holder.append(tip);
  holder.addEventListener("pointermove", event => {
    const text = found(event);
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const box = holder.getBoundingClientRect();
    const at = Math.min(event.clientX - box.left + 12, box.width - tip.offsetWidth);
    tip.style.left = `${Math.max(0, at)}px`;
    tip.style.top = `${event.clientY - box.top - 28}px`;
  });
  holder.addEventListener("pointerleave", () => { tip.hidden = true; });
}
