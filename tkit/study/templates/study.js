// A video is played to its end before it is judged; the server looks at the time, too.
"use strict";
const figures = [...document.querySelectorAll("figure")];
const fieldset = document.querySelector("fieldset");
const hint = document.querySelector(".hint");
const ended = new Set();

for (const figure of figures) {
  const video = figure.querySelector("video");
  const button = figure.querySelector("button");
  const bar = figure.querySelector("progress");
  let furthest = 0;
  const label = button.textContent;
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll("video")) if (other !== video) other.pause();
    if (video.paused) video.play(); else video.pause();
  });
  video.addEventListener("play", () => { button.textContent = "❚❚ Pause"; });
  video.addEventListener("pause", () => {
    button.textContent = video.ended ? `${label} again` : label;
  });
  video.addEventListener("seeking", () => {  // forward only by watching
    if (video.currentTime > furthest + .25) video.currentTime = furthest;
  });
  video.addEventListener("timeupdate", () => {
    if (!video.seeking) furthest = Math.max(furthest, video.currentTime);
    bar.value = furthest / (video.duration || 1);
  });
  video.addEventListener("ended", () => {
    bar.value = 1;
    ended.add(video);
    if (ended.size < figures.length) return;
    fieldset.disabled = false;
    hint.textContent = "Now answer; you may watch again.";
    if (document.activeElement === document.body || document.activeElement === button)
      fieldset.querySelector("input").focus();
  });
  video.addEventListener("error", () => {
    hint.textContent = "This video cannot be loaded; load the page again.";
  });
}
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, button, summary")) return;
  if (event.key === " ") { event.preventDefault(); figures[0].querySelector("button").click(); }
});
document.querySelector("form").addEventListener("submit", () => {
  setTimeout(() => { fieldset.disabled = true; });  // after its values were taken: no double answer
});
