/* Curves of training, each on axes of its own. */
"use strict";

function trainingPlots(root) {
  for (const run of DATA.training || []) {
    const many = element("div", {class: "many"});
    for (const curve of run.curves) {
      const {steps, values} = curve, count = values.length;
      const reach = Math.max(0, Math.floor(count / 20));
      const smooth = values.map((_, i) => {
        const part = values.slice(Math.max(0, i - reach), i + reach + 1).filter(Number.isFinite);
        return part.length ? part.reduce((a, b) => a + b, 0) / part.length : null;
      });
      const known = values.filter(Number.isFinite);
      if (!known.length) continue;
      const low = Math.min(...known), high = Math.max(...known);
      const log = low > 0 && high > 20 * low;
      const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
      many.append(chart({
        caption: [curve.title, curve.arrow, curve.unit].filter(Boolean).join(" "), about: curve.text,
        height: 140, x: [steps[0], steps[count - 1]], log,
        y: log ? [low / 1.1, high * 1.1] : [low >= 0 ? Math.max(0, low - room) : low - room, high + room],
        label: `${run.stage}: ${curve.title} over the steps of training`,
        xName: v => v >= 1000 ? `${short(v / 1000)}k` : short(v),
        draw: (svg, scale) => {
          if (count <= 60)
            values.forEach((v, i) => Number.isFinite(v) && svg.append(element("circle", {
              class: "dot c-gt", fill: "currentColor", r: 2, cx: scale.x(steps[i]), cy: scale.y(v)})));
          else svg.append(element("path", {class: "raw c-gt", stroke: "currentColor", d: path(values, scale, steps)}));
          svg.append(element("path", {class: "line c-gt", stroke: "currentColor", d: path(smooth, scale, steps)}));
        },
      }));
    }
    root.append(element("h3", {}, run.stage), element("p", {class: "about"}, run.about), many);
  }
}

trainingPlots(document.getElementById("training-plots"));
