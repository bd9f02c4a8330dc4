// The page of the app: files go to the server, frames come back while they are made, and the sound is
// the clock by which they are drawn.
"use strict";
const find = (selector) => document.querySelector(selector);
const csrf = find("meta[name=csrf]").content;
const [picture, attention] = [find("#picture"), find("#attention")];
const audio = find("#audio");
const FPS = 25, READY = 2, ENOUGH = 12, AHEAD = 6;  // frames: to begin, to go on, to decode
const chosen = {photo: null, sound: null};
let take = null;  // the video that is shown

function say(text, bad = false) {
  find("#hint").textContent = text;
  find("#hint").classList.toggle("bad", bad);
}

async function ask(path, body, kind) {
  const headers = {"x-csrf-token": csrf};
  if (kind) headers["content-type"] = kind;
  let reply, said = {};
  try { reply = await fetch(path, {method: "POST", body, headers}); }
  catch { throw new Error("tkit app is not running any more"); }
  try { said = await reply.json(); } catch { said = {error: await reply.text().catch(() => "")}; }
  if (!reply.ok) throw new Error(said.error || `the server says ${reply.status}`);
  return said;
}

// ---- choosing

async function choose(kind, file) {
  const zone = find(`#${kind}-drop`), told = zone.querySelector(".said");
  stop();
  chosen[kind] = null;
  ready();
  told.textContent = kind === "photo" ? "looking for the face …" : "listening …";
  try {
    const said = await ask(`/${kind}`, file, "application/octet-stream");
    chosen[kind] = said[kind];
    zone.classList.add("done");
    const name = file.name || "recording";
    told.textContent = kind === "photo" ? `${name}, ${said.width} × ${said.height}`
                                        : `${name}, ${said.seconds.toFixed(1)} s`;
    if (kind === "photo") await still(file, said.width, said.height);
    else audio.src = `/sounds/${said.sound}.wav`;
    say(chosen.photo && chosen.sound ? "Press Speak." :
        chosen.photo ? "Now a sound, or record one." : "Now a photo.");
    if (chosen.photo && chosen.sound)  // the first words are heard before they are asked for
      await ask("/listen", JSON.stringify(chosen), "application/json");
  } catch (error) {
    zone.classList.remove("done");
    told.textContent = kind === "photo" ? "choose another photo" : "choose another sound";
    say(error.message, true);
  }
  ready();
}

function ready() { find("#speak").disabled = !(chosen.photo && chosen.sound); }

async function still(file, width, height) {
  [picture.width, picture.height] = [width, height];
  attention.getContext("2d").clearRect(0, 0, 128, 128);
  const image = await createImageBitmap(file).catch(() => null);
  if (image) picture.getContext("2d").drawImage(image, 0, 0, width, height);
}

for (const kind of ["photo", "sound"]) {
  const zone = find(`#${kind}-drop`), input = find(`#${kind}`);
  input.addEventListener("change", () => {
    if (input.files.length) choose(kind, input.files[0]);
    input.value = "";  // the same file may be chosen again
  });
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) choose(kind, event.dataTransfer.files[0]);
  });
}

// ---- the microphone

const record = find("#record");
let recorder = null;
record.addEventListener("click", async () => {
  if (recorder) { recorder.stop(); return; }
  stop();
  let stream;
  try { stream = await navigator.mediaDevices.getUserMedia({audio: true}); }
  catch { say("The browser gives no microphone; choose a sound file.", true); return; }
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  recorder.addEventListener("stop", () => {
    for (const track of stream.getTracks()) track.stop();
    recorder = null;
    record.textContent = "● Record";
    record.classList.remove("on");
    choose("sound", new Blob(parts));
  });
  recorder.start();
  record.textContent = "■ Stop";
  record.classList.add("on");
  say("Speak; press Stop when you are done.");
});

// ---- the sliders

const shown = {
  expression: (value) => value.toFixed(1),
  blinks: (value) => value < 0 ? "as learned" : String(value),
  sway: (value) => value.toFixed(1),
};
for (const [name, words] of Object.entries(shown)) {
  const input = find(`#${name}`), output = input.parentElement.querySelector("output");
  const tell = () => {
    output.textContent = words(input.valueAsNumber);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", tell);
  input.addEventListener("change", () => { if (take) say("Press Speak to see it."); });
  tell();
}

// ---- speaking

function stop() {
  if (take) take.socket.close();
  take = null;
  audio.pause();
  find("#download").hidden = true;
  find("#rate").textContent = "";
}

find(".controls").addEventListener("submit", (event) => {
  event.preventDefault();
  const pressed = performance.now();
  stop();
  audio.currentTime = 0;
  say("");
  find(".screen").scrollIntoView({block: "nearest"});
  const blinks = find("#blinks").valueAsNumber;
  const asked = {csrf, ...chosen, expression: find("#expression").valueAsNumber,
                 blink_rate: blinks < 0 ? null : blinks / 60, sway: find("#sway").valueAsNumber};
  const mine = take = {socket: new WebSocket(`ws://${location.host}/speak`), pictures: [], maps: [],
                       decoded: new Map(), waiting: true, done: false, drawn: -1, pressed};
  mine.socket.binaryType = "arraybuffer";
  mine.socket.addEventListener("open", () => mine.socket.send(JSON.stringify(asked)));
  mine.socket.addEventListener("message", ({data}) => {
    if (mine !== take) return;
    if (typeof data === "string") { end(mine, JSON.parse(data)); return; }
    const head = new DataView(data);
    const blob = new Blob([data.slice(5)], {type: "image/jpeg"});
    (head.getUint8(0) ? mine.maps : mine.pictures)[head.getUint32(1)] = blob;
    if (!head.getUint8(0) && !head.getUint32(1)) show(mine, 0);
  });
  mine.socket.addEventListener("close", () => {
    if (mine === take && !mine.done) { say("The connection has ended; press Speak again.", true); }
  });
});

function end(mine, said) {
  mine.done = true;
  if (said.error) { say(said.error, true); return; }
  const rate = mine.pictures.length / (performance.now() - mine.pressed) * 1000;
  find("#rate").textContent = `first frame after ${Math.round(mine.first)} ms, ` +
    `${mine.pictures.length} frames at ${rate.toFixed(0)} a second`;
  const link = find("#download");
  link.href = `/videos/${said.video}.mp4`;
  link.hidden = false;
}

function decode(mine, number) {
  if (mine.decoded.has(number) || !mine.pictures[number] || !mine.maps[number]) return;
  const both = [mine.pictures[number], mine.maps[number]].map((blob) => createImageBitmap(blob));
  mine.decoded.set(number, null);
  Promise.all(both).then((images) => mine.decoded.set(number, images));
}

async function show(mine, number) {  // the very first one, without waiting for its map
  const image = await createImageBitmap(mine.pictures[number]);
  if (mine !== take || mine.drawn >= 0) return;
  [picture.width, picture.height] = [image.width, image.height];
  picture.getContext("2d").drawImage(image, 0, 0);
  mine.drawn = number;
  mine.first = performance.now() - mine.pressed;
  document.body.dataset.firstMs = mine.first;
}

function draw(mine, wanted) {
  for (let number = wanted; number <= wanted + AHEAD; number++) decode(mine, number);
  const images = mine.decoded.get(wanted);
  if (!images || wanted === mine.drawn) return;
  picture.getContext("2d").drawImage(images[0], 0, 0);
  [attention.width, attention.height] = [images[1].width, images[1].height];
  attention.getContext("2d").drawImage(images[1], 0, 0);
  mine.drawn = wanted;
  document.body.dataset.drawn = wanted;
  for (const [number, old] of mine.decoded)
    if (number < wanted || number > wanted + 2 * AHEAD) {
      if (old) for (const image of old) image.close();
      mine.decoded.delete(number);
    }
}

function tick() {
  requestAnimationFrame(tick);
  const mine = take;
  if (!mine || mine.drawn < 0) return;
  const count = Math.min(mine.pictures.length, mine.maps.length);
  const wanted = Math.floor(audio.currentTime * FPS + 1e-6);
  if (mine.waiting) {
    const begun = wanted > 0 ? ENOUGH : READY;
    if (count < wanted + begun && !mine.done) return;
    mine.waiting = false;
    audio.play().catch(() => say("Press play below."));
  } else if (wanted >= count && !mine.done) {  // the sound waits for its frames
    mine.waiting = true;
    audio.pause();
    return;
  }
  if (count) draw(mine, Math.min(wanted, count - 1));
}
tick();

// ---- scoring

const score = find("#score");
if (score) {
  const hint = find("#score-hint");
  fetch("/folders").then((reply) => reply.json()).then((folders) => {
    for (const name of ["pred", "gt"])
      for (const {folder, clips} of folders)
        score.elements[name].add(new Option(`${folder === "." ? "all of it" : folder} (${clips})`, folder));
    if (!folders.length) hint.textContent = "There are no videos below this folder.";
  }).catch(() => { hint.textContent = "The folders cannot be listed."; });
  score.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = score.querySelector("button");
    const begun = Date.now();
    const clock = setInterval(() => {
      hint.textContent = `scoring, ${Math.round((Date.now() - begun) / 1000)} s …`;
    }, 500);
    button.disabled = true;
    hint.classList.remove("bad");
    try {
      const asked = Object.fromEntries(new FormData(score));
      const said = await ask("/score", JSON.stringify(asked), "application/json");
      table(said);
      clearInterval(clock);
      hint.textContent = "";
    } catch (error) { hint.textContent = error.message; hint.classList.add("bad"); }
    finally { clearInterval(clock); button.disabled = false; }
  });
}

function table(said) {
  const scroll = find(".score .scroll"), made = scroll.querySelector("table");
  made.replaceChildren();
  said.table.forEach((cells, number) => {
    const row = made.insertRow();
    for (const text of cells) {
      const cell = document.createElement(number ? "td" : "th");
      cell.textContent = text;
      row.append(cell);
    }
  });
  scroll.hidden = false;
  find("#notes").replaceChildren(...[...said.notes, ...said.signatures].map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  const link = find("#report");
  link.href = URL.createObjectURL(new Blob([said.json], {type: "application/json"}));
  link.hidden = false;
}
