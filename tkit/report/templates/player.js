/* One video holds all rows of a clip side by side; it is cut into as many pictures as it has rows.
   So they have one clock: whatever is shown is the same frame of all of them. */
"use strict";

function numbers16(text) {
  const bytes = Uint8Array.from(atob(text), char => char.charCodeAt(0));
  return new Int16Array(bytes.buffer);
}

class Player {
  /* `data`: that of the page; `shown(frame)` is called whenever another frame is shown. */
  constructor(root, data, shown) {
    this.root = root;
    this.data = data;
    this.shown = shown;
    this.stage = root.querySelector("#player-stage");
    this.slider = root.querySelector("#player-at");
    this.modes = {mouth: false, landmarks: false, difference: false, sound: false};
    this.frame = 0;
    this.cells = [];
    this.video = null;
    this.wanted = this.goal = null;
    this.buttons = Object.fromEntries(
      [...root.querySelectorAll("[data-do]")].map(button => [button.dataset.do, button]));
    const todo = {
      play: () => this.play(), back: () => this.step(-1), forward: () => this.step(1),
      ...Object.fromEntries(Object.keys(this.modes).map(mode => [mode, () => this.toggle(mode)])),
    };
    for (const [name, does] of Object.entries(todo)) this.buttons[name].addEventListener("click", does);
    this.buttons.speed.addEventListener("change", () => this.speed());
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  /* Show a clip: `frames` and `fps` are those of its series where it has no video. */
  open(clip, frames, fps) {
    this.close();
    const about = this.data.videos[clip];
    this.fps = about ? about.fps : fps || 25;
    this.count = about ? about.frames : frames || 0;
    this.frame = 0;
    this.stage.hidden = !about;
    if (!about) return this.shown(0);
    this.slider.max = this.count - 1;
    this.slider.value = 0;
    this.points = {};
    for (const [row, [width, height, text]] of Object.entries(about.points))
      this.points[row] = {width, height, at: numbers16(text)};
    const known = Object.keys(this.points).length > 0;
    for (const mode of ["mouth", "landmarks"]) {
      this.buttons[mode].disabled = !known;
      this.buttons[mode].title = known ? "" : "no landmarks of this clip are kept";
      if (!known && this.modes[mode]) this.toggle(mode);
    }
    this.cells = about.rows.map(place => this.cell(...place));
    const truth = this.cells.some(cell => cell.truth);
    this.buttons.difference.disabled = !truth;
    if (!truth && this.modes.difference) this.toggle("difference");
    this.stage.querySelector(".cells").replaceChildren(...this.cells.map(cell => cell.figure));
    const video = document.createElement("video");
    Object.assign(video, {src: about.src, preload: "auto", playsInline: true,
                          muted: !this.modes.sound});
    this.video = video;
    this.speed();
    video.addEventListener("seeked", () => {
      this.seen(video.currentTime - 0.5 / this.fps);
      if (this.wanted !== null) this.jump();
      else this.goal = null;
    });
    video.addEventListener("loadeddata", () => this.jump());
    video.addEventListener("play", () => this.state());
    video.addEventListener("pause", () => this.state());
    video.addEventListener("error", () => this.say("the video cannot be played"));
    if (video.requestVideoFrameCallback) {
      const next = (_, meta) => {
        if (this.video !== video) return;
        this.seen(meta.mediaTime);
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
    } else {
      const next = () => {
        if (this.video !== video) return;
        if (!video.paused) this.seen(video.currentTime - 0.5 / this.fps);
        requestAnimationFrame(next);
      };
      next();
    }
    this.wanted = this.goal = 0;
    this.state();
    this.shown(0);
  }

  close() {
    if (this.video) {
      this.video.pause();
      this.video.removeAttribute("src");
      this.video.load();
    }
    this.video = null;
    this.cells = [];
    this.wanted = this.goal = null;  // the frame to go to next, and the last that was asked for
  }

  cell(row, x, y, width, height) {
    const about = this.data.rows[row];
    const truth = about.kind === "truth";
    const picture = element("div", {class: truth ? "picture" : "picture compared"});
    const canvas = element("canvas", {class: "own", role: "img", "aria-label": about.name});
    picture.append(canvas);
    const over = truth ? null : element("canvas", {class: "truth", "aria-hidden": "true"});
    if (over) picture.append(over);
    const name = element("span", {}, element("span", {class: `swatch ${colour(row)}`}), about.name);
    const value = element("span", {class: "value"});
    const figure = element("figure", {"data-row": row}, picture, element("figcaption", {}, name, value));
    return {row, truth, place: [x, y, width, height], figure, canvas, over, value};
  }

  /* What of a row's place is shown: all of it, or the mouth. */
  source(cell) {
    const [x, y, width, height] = cell.place;
    if (!this.modes.mouth) return [x, y, width, height];
    cell.mouth ||= this.mouthOf(cell);
    const [left, top, wide, high] = cell.mouth;
    return [x + left, y + top, wide, high];
  }

  mouthOf(cell) {
    const [, , width, height] = cell.place;
    const truth = this.data.rows.findIndex(row => row.kind === "truth");
    const points = this.points[cell.row] || this.points[truth] || Object.values(this.points)[0];
    const xs = [], ys = [], sizes = [];
    for (let start = 0; start < points.at.length; start += 136) {
      const part = points.at.subarray(start, start + 136);
      if (part[96] === this.data.none) continue;
      xs.push((part[96] + part[108]) / 2);
      ys.push((part[97] + part[109]) / 2);
      sizes.push(Math.hypot(part[108] - part[96], part[109] - part[97]));
    }
    if (!xs.length) return [0, 0, width, height];
    const middle = list => list.sort((a, b) => a - b)[list.length >> 1];
    const scale = this.data.step * width / points.width;
    const wide = Math.min(width, 2.4 * middle(sizes) * scale), high = wide * height / width;
    const left = middle(xs) * scale - wide / 2, top = middle(ys) * scale - high / 2;
    return [Math.max(0, Math.min(left, width - wide)), Math.max(0, Math.min(top, height - high)),
            wide, high];
  }

  draw() {
    if (!this.video || this.video.readyState < 2) return;
    const truth = this.cells.find(cell => cell.truth);
    for (const cell of this.cells) {
      const source = this.source(cell);
      const width = Math.max(Math.round(cell.figure.clientWidth * devicePixelRatio), 16);
      const height = Math.round(width * source[3] / source[2]);
      const paint = (canvas, from) => {
        if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
        const brush = canvas.getContext("2d");
        brush.drawImage(this.video, ...from, 0, 0, width, height);
        return brush;
      };
      const brush = paint(cell.canvas, source);
      if (cell.over && truth && this.modes.difference) paint(cell.over, this.source(truth));
      if (this.modes.landmarks) {
        if (!cell.truth && truth) this.face(brush, cell, truth.row, source, "rgba(255,255,255,.75)");
        this.face(brush, cell, cell.row, source, getComputedStyle(
          cell.figure.querySelector(".swatch")).color);
      }
    }
  }

  /* The lines of a face over a picture, in the places that landmarks had. */
  face(brush, cell, row, source, ink) {
    const points = this.points[row];
    if (!points || this.frame * 136 + 136 > points.at.length) return;
    const part = points.at.subarray(this.frame * 136, this.frame * 136 + 136);
    if (part[0] === this.data.none) return;
    const [x, y, width, height] = cell.place;
    const zoom = brush.canvas.width / source[2];
    const at = index => [
      (x + part[2 * index] * this.data.step * width / points.width - source[0]) * zoom,
      (y + part[2 * index + 1] * this.data.step * height / points.height - source[1]) * zoom];
    brush.strokeStyle = ink;
    brush.lineWidth = 1.3 * devicePixelRatio;
    for (const [line, closed] of this.data.face) {
      brush.beginPath();
      line.forEach((index, i) => i ? brush.lineTo(...at(index)) : brush.moveTo(...at(index)));
      if (closed) brush.closePath();
      brush.stroke();
    }
  }

  /* Another frame is on the screen. */
  seen(time) {
    this.frame = Math.max(0, Math.min(Math.round(time * this.fps), this.count - 1));
    if (this.goal === null) this.slider.value = this.frame;
    this.draw();
    this.root.querySelector("#player-time").textContent =
      `frame ${this.frame} of ${this.count} · ${(this.frame / this.fps).toFixed(2)} s`;
    this.root.dataset.frame = this.frame;
    this.shown(this.frame);
  }

  seek(frame) {
    frame = Math.max(0, Math.min(frame, this.count - 1));
    if (!this.video) {
      this.frame = frame;
      return this.shown(frame);
    }
    this.video.pause();
    const busy = this.video.seeking;
    this.wanted = this.goal = frame;
    this.slider.value = frame;
    if (!busy) this.jump();
  }

  jump() {
    if (this.wanted === null || this.video.readyState < 1) return;
    const frame = this.wanted;
    this.wanted = null;
    this.video.currentTime = (frame + 0.5) / this.fps;  // its middle: no rounding leads elsewhere
  }

  step(by) { this.seek((this.goal ?? this.frame) + by); }  // from where it is going to

  play() {
    if (!this.video) return;
    if (!this.video.paused) return this.video.pause();
    if (this.frame >= this.count - 1) this.video.currentTime = 0;
    this.video.play();
  }

  speed() { if (this.video) this.video.playbackRate = Number(this.buttons.speed.value); }

  toggle(mode) {
    if (this.buttons[mode].disabled && !this.modes[mode]) return;
    this.modes[mode] = !this.modes[mode];
    this.buttons[mode].setAttribute("aria-pressed", this.modes[mode]);
    this.stage.classList.toggle("difference", this.modes.difference);
    if (this.video) this.video.muted = !this.modes.sound;
    this.draw();
  }

  state() { this.buttons.play.textContent = this.video && !this.video.paused ? "Pause" : "Play"; }

  say(text) { this.root.querySelector("#player-time").textContent = text; }
}
