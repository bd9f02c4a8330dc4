/* The page of a report: reads its data, and ties table, player and curves together. */
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const PREDS = DATA.rows.map((_, i) => i).filter(i => DATA.rows[i].kind === "pred");
const TRUTH = DATA.rows.findIndex(row => row.kind === "truth");
const value = v => v === "inf" ? Infinity : v === "-inf" ? -Infinity : v;
const told = v => v === null ? "–" : Number.isFinite(value(v)) ? value(v).toFixed(3) : v;

function colour(row) {
  const kind = DATA.rows[row].kind;
  return kind === "truth" ? "c-gt" : kind === "control" ? "c-control" : `c-${PREDS.indexOf(row) % 8}`;
}

function unpacked(text, scale) {
  if (!text) return null;
  return Float32Array.from(numbers16(text), v => v === DATA.none ? NaN : v / scale);
}

const clips = {
  box: document.getElementById("clip-box"),
  table: document.getElementById("clip-table"),
  filter: document.getElementById("clip-filter"),
  metric: document.getElementById("clip-metric"),
  controls: document.getElementById("clip-controls"),
  by: "bad", down: true, shown: 0, order: [], chosen: null,

  begin() {
    DATA.metrics.forEach((metric, i) => this.metric.append(element("option", {value: i}, metric.label)));
    this.filter.addEventListener("input", () => this.fill());
    this.metric.addEventListener("change", () => { this.fill(); this.captions(); });
    this.controls.addEventListener("change", () => this.fill());
    this.box.addEventListener("scroll", () => {
      if (this.box.scrollTop + this.box.clientHeight > this.box.scrollHeight - 300) this.more();
    });
    this.table.tBodies[0].addEventListener("click", event => this.pick(event.target.closest("tr")));
    this.table.tBodies[0].addEventListener("keydown", event => {
      if (event.key === "Enter") this.pick(event.target.closest("tr"));
    });
    this.fill();
  },

  columns() {
    const rows = DATA.rows.map((_, i) => i).filter(i => DATA.scores.length && i < DATA.scores[0].length
      && (DATA.rows[i].kind === "pred" || this.controls.checked));
    return [["clip", "clip"], ["bad", "bad"], ...rows.map(row => [DATA.rows[row].name, row])];
  },

  score(row, clip) {
    return DATA.scores.length ? DATA.scores[this.metric.value || 0][row][clip] : null;
  },

  cell(key, clip) {
    return key === "clip" ? DATA.clips[clip] : key === "bad" ? DATA.rank[clip] : this.score(key, clip);
  },

  fill() {
    const columns = this.columns();
    if (!columns.some(([, key]) => key === this.by)) this.by = "bad";
    const head = element("tr");
    for (const [name, key] of columns) {
      const cell = element("th", {scope: "col", "aria-sort": key === this.by
        ? (this.down ? "descending" : "ascending") : null}, element("button", {type: "button"}, name));
      cell.firstChild.addEventListener("click", () => {
        this.down = this.by === key ? !this.down : key === "bad";
        this.by = key;
        this.fill();
      });
      head.append(cell);
    }
    const focus = [...this.table.tHead.querySelectorAll("button")].indexOf(document.activeElement);
    this.table.tHead.replaceChildren(head);
    if (focus >= 0) head.querySelectorAll("button")[focus]?.focus();
    const wanted = this.filter.value.trim().toLowerCase();
    this.order = DATA.clips.map((_, i) => i).filter(i => DATA.clips[i].toLowerCase().includes(wanted));
    this.order.sort((a, b) => order(value(this.cell(this.by, a)), value(this.cell(this.by, b)), this.down));
    this.shown = 0;
    this.table.tBodies[0].replaceChildren();
    this.more();
  },

  more() {
    const columns = this.columns();
    for (const clip of this.order.slice(this.shown, this.shown + 100)) {
      const row = element("tr", {tabindex: 0, "data-clip": clip,
                                 "aria-current": clip === this.chosen ? "true" : null});
      for (const [, key] of columns)
        row.append(key === "clip"
          ? element("td", {}, element("span", {class: DATA.videos[clip] ? "has-video" : ""}, DATA.clips[clip]))
          : element("td", {}, key === "bad" ? DATA.rank[clip].toFixed(0) : told(this.cell(key, clip))));
      this.table.tBodies[0].append(row);
    }
    this.shown = Math.min(this.shown + 100, this.order.length);
  },

  pick(row) { if (row) this.choose(Number(row.dataset.clip)); },

  next(by) {
    const at = this.order.indexOf(this.chosen) + by;
    if (at < 0 || at >= this.order.length) return;
    while (at >= this.shown) this.more();
    this.choose(this.order[at]);
    const row = this.table.querySelector("[aria-current]");
    const top = row.offsetTop - this.table.tHead.offsetHeight, bottom = row.offsetTop + row.offsetHeight;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    if (bottom > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = bottom - this.box.clientHeight;
  },

  choose(clip) {
    this.chosen = clip;
    for (const row of this.table.tBodies[0].rows)
      row.toggleAttribute("aria-current", Number(row.dataset.clip) === clip);
    this.table.querySelectorAll("tr[aria-current]").forEach(row => row.setAttribute("aria-current", "true"));
    document.getElementById("player-clip").textContent = DATA.clips[clip];
    document.getElementById("player-none").hidden = Boolean(DATA.videos[clip]);
    curves.open(clip);
    this.captions();
  },

  /* The chosen metric's scores of the clip, under the pictures or above the curves. */
  captions() {
    if (this.chosen === null || !DATA.metrics.length) return;
    const score = row => DATA.scores[0][row] === undefined ? null : this.score(row, this.chosen);
    for (const cell of player.cells) cell.value.textContent = cell.truth ? "" : told(score(cell.row));
    document.getElementById("player-scores").textContent = DATA.metrics[this.metric.value].label
      + (player.cells.length ? "" : ": " + PREDS.map(row => `${DATA.rows[row].name} ${told(score(row))}`).join(", "));
  },
};

const PANELS = [
  ["Mouth opening", "of the inner lips, inter-ocular distances", 0, "opening"],
  ["Eyes", "eye aspect ratio; triangles: blinks begin", 1, "ear"],
  ["Landmark error", "", 2, "error"],
];

const curves = {
  root: document.getElementById("curves"), hidden: new Set(), charts: [], series: null,

  open(clip) {
    const series = this.series = DATA.series[clip] || null;
    const first = series && unpacked(Object.values(series.rows)[0][0], DATA.scale.opening);
    this.charts = [];
    player.open(clip, first ? first.length : 0, series ? series.fps : 25);
    this.root.replaceChildren();
    if (!series) return;
    const rows = Object.keys(series.rows).map(Number).sort((a, b) => (b === TRUTH) - (a === TRUTH));
    const legend = element("div", {class: "legend"});
    for (const row of rows) {
      const box = element("input", {type: "checkbox", checked: !this.hidden.has(row)});
      box.addEventListener("change", () => {
        this.hidden[box.checked ? "delete" : "add"](row);
        this.charts.forEach(chart => chart.paint());
      });
      legend.append(element("label", {}, box, " ", element("span", {class: `swatch ${colour(row)}`}),
                            DATA.rows[row].name, " ", element("span", {class: "ci", "data-now": row})));
    }
    this.root.append(legend);
    this.lines = {};
    for (const [title, about, place, key] of PANELS) {
      const lines = rows.map(row => [row, unpacked(series.rows[row][place], DATA.scale[key])])
        .filter(([, values]) => values);
      this.lines[key] = Object.fromEntries(lines);
      if (lines.length) this.root.append(this.panel(title, about || series.unit, lines, key));
    }
    this.at(player.frame);
  },

  panel(title, about, lines, key) {
    const series = this.series, count = Math.max(...lines.map(([, values]) => values.length));
    const top = Math.max(...lines.map(([, values]) => values.reduce((a, b) => b > a ? b : a, 0)), 0.01);
    const xs = Float32Array.from({length: count}, (_, i) => i / series.fps);
    const holder = chart({
      caption: title, about, height: 118, x: [0, count / series.fps], y: [0, top * 1.05],
      xName: v => `${short(v)} s`,
      draw: (svg, scale, box) => {
        for (const [row, values] of lines) {
          if (this.hidden.has(row)) continue;
          svg.append(element("path", {class: `line ${colour(row)}`, stroke: "currentColor",
                                      d: path(values, scale, xs)}));
          if (key === "ear")
            for (const onset of series.rows[row][3])
              svg.append(element("path", {class: colour(row), fill: "currentColor",
                d: `M${scale.x(onset)} ${box.bottom - 9}l4.5 9h-9Z`}, element("title", {},
                `${DATA.rows[row].name}: a blink begins at ${onset.toFixed(2)} s`)));
        }
        holder.line = element("line", {class: "cursor", y1: box.top, y2: box.bottom});
        svg.append(holder.line);
        this.cursor(holder);
      },
    });
    holder.classList.add("seek");
    const seek = event => {
      const box = holder.querySelector("svg").getBoundingClientRect();
      player.seek(Math.floor(holder.scale.back(event.clientX - box.left) * series.fps + 0.5));
    };
    const svg = holder.querySelector("svg");
    svg.addEventListener("pointerdown", event => { svg.setPointerCapture(event.pointerId); seek(event); });
    svg.addEventListener("pointermove", event => { if (event.buttons & 1) seek(event); });
    this.charts.push(holder);
    return holder;
  },

  cursor(holder) {
    if (!holder.line || !holder.scale.x) return;
    const x = holder.scale.x(player.frame / this.series.fps);
    holder.line.setAttribute("x1", x);
    holder.line.setAttribute("x2", x);
    holder.dataset.frame = player.frame;
  },

  at(frame) {
    if (!this.series) return;
    this.charts.forEach(holder => this.cursor(holder));
    this.root.querySelectorAll("[data-now]").forEach(span => {
      const found = this.lines.opening[span.dataset.now]?.[frame];
      span.textContent = found === undefined || Number.isNaN(found) ? "" : found.toFixed(2);
    });
  },
};

const player = new Player(document.getElementById("player"), DATA, frame => curves.at(frame));

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = event.target.closest("input, select, textarea, button, summary, a, .scroll");
  const slider = event.target.id === "player-at";
  if (inside && !slider && !(inside.matches("[data-do]:not(select)") && ![" ", "Enter"].includes(event.key))) return;
  const by = event.shiftKey ? 10 : 1;
  const does = {
    " ": () => player.play(), ArrowLeft: () => player.step(-by), ArrowRight: () => player.step(by),
    Home: () => player.seek(0), End: () => player.seek(player.count - 1),
    ArrowUp: () => clips.next(-1), ArrowDown: () => clips.next(1),
    m: () => player.toggle("mouth"), l: () => player.toggle("landmarks"),
    d: () => player.toggle("difference"), s: () => player.toggle("sound"),
  }[event.key];
  // Up and down scroll the page, and go to another clip only from within the player.
  if (!does || (["ArrowUp", "ArrowDown"].includes(event.key) && !event.target.closest("#player"))) return;
  event.preventDefault();
  does();
});

/* Durations of blinks: the ground truth as an area, a prediction as a line, as in the paper's Fig. 11. */
function blinkPlots(root) {
  const known = Object.keys(DATA.blinks).map(Number);
  if (!known.length) {
    root.append(element("p", {class: "about"},
      "No metric of this run looked for blinks; blink-rate does (--metrics)."));
    return;
  }
  root.className = "many";
  const truth = DATA.blinks[TRUTH] || [], width = 0.04, beside = TRUTH >= 0;
  const longest = Math.max(0.6, ...known.map(row => Math.max(0, ...DATA.blinks[row])));
  const bins = Math.min(Math.ceil(longest / width + 1e-9), 60);
  const shares = durations => {
    const counts = new Array(bins).fill(0);
    for (const d of durations) counts[Math.min(Math.floor(d / width), bins - 1)]++;
    return counts.map(n => 100 * n / Math.max(durations.length, 1));
  };
  const mean = list => list.length ? `, ${(list.reduce((a, b) => a + b) / list.length).toFixed(2)} s in the mean` : "";
  for (const row of known.filter(row => row !== TRUTH)) {
    const mine = DATA.blinks[row], name = DATA.rows[row].name;
    const tall = Math.max(5, ...shares(truth), ...shares(mine)) * 1.08;
    const holder = chart({
      caption: name, height: 170, x: [0, bins * width], y: [0, tall], xName: v => `${short(v)} s`,
      about: `${mine.length} whole blinks${mean(mine)}; ` +
        (beside ? `ground truth ${truth.length}${mean(truth)}; ` : "") + "% of blinks",
      label: `durations of blinks of ${name}${beside ? " and of the ground truth" : ""}`,
      draw: (svg, scale, box) => {
        shares(truth).forEach((share, i) => share && svg.append(element("rect", {
          class: "block c-gt", fill: "currentColor", x: scale.x(i * width) + 0.5, y: scale.y(share),
          width: Math.max(scale.x(width) - scale.x(0) - 1, 1), height: box.bottom - scale.y(share)})));
        let d = `M${scale.x(0)} ${box.bottom}`;
        shares(mine).forEach((share, i) => {
          d += `V${scale.y(share).toFixed(1)}H${scale.x((i + 1) * width).toFixed(1)}`;
        });
        if (mine.length) svg.append(element("path", {class: `step ${colour(row)}`, stroke: "currentColor",
                                                     d: d + `V${box.bottom}`}));
      },
    });
    root.append(holder);
  }
}

function speakerPlots(root) {
  if (!DATA.speakers.some(dots => dots.length)) {
    root.append(element("p", {class: "about"},
      "The speakers are unknown: clips of a known one lie in its folder, s1/clip."));
    return;
  }
  DATA.metrics.forEach((metric, m) => {
    const dots = DATA.speakers[m].map(([row, ...rest]) => [row, ...rest]);
    const rows = [...new Set(dots.map(([row]) => row))];
    if (!dots.length) return;
    const xs = dots.map(dot => dot[2]), low = Math.min(...xs), high = Math.max(...xs);
    const room = (high - low) * 0.04 || Math.abs(high) * 0.05 || 1;
    let placed = [];
    const holder = chart({
      caption: metric.label, height: 26 + 22 * rows.length + 14, rows: rows.map(row => DATA.rows[row].name),
      about: metric.better === "closer" ? "nearer to gt is better" : "", x: [low - room, high + room],
      y: [rows.length - 0.5, -0.5],
      draw: (svg, scale, box) => {
        placed = [];
        rows.forEach((row, i) => {
          const y = scale.y(i), mine = dots.filter(dot => dot[0] === row);
          svg.append(element("line", {class: "grid", x1: box.left, x2: box.right, y1: y, y2: y}));
          for (const [, name, x, n] of mine) {
            svg.append(element("circle", {class: `dot ${colour(row)}`, fill: "currentColor", r: 4,
                                          cx: scale.x(x), cy: y}));
            placed.push([scale.x(x), y, `${DATA.rows[row].name}, ${name}: ${told(x)} (${n} clip${n === 1 ? "" : "s"})`]);
          }
          const middle = scale.x(mine.reduce((sum, dot) => sum + dot[2], 0) / mine.length);
          svg.append(element("line", {class: `mean ${colour(row)}`, stroke: "currentColor", x1: middle,
                                      x2: middle, y1: y - 8, y2: y + 8}));
        });
      },
    });
    tipped(holder, event => {
      const box = holder.querySelector("svg").getBoundingClientRect();
      const near = placed.map(([x, y, text]) => [Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y), text])
        .sort((a, b) => a[0] - b[0])[0];
      return near && near[0] < 14 ? near[1] : "";
    });
    root.append(holder);
  });
}

clips.begin();
blinkPlots(document.getElementById("blink-plots"));
speakerPlots(document.getElementById("speaker-plots"));
if (clips.order.length) clips.choose(clips.order[0]);
