// Players of clips. Without scripts the first frame shows; a clip plays in its own time, no frame longer than 0.5 s.
for (const player of document.querySelectorAll(".player")) {
  const image = player.querySelector("image"), button = player.querySelector("button");
  const slider = player.querySelector("input"), frames = Number(slider.max) + 1;
  const step = Number(image.getAttribute("width")) / frames;
  const pause = Math.min(500, 1000 * Number(player.dataset.seconds) / frames);
  let timer = 0;
  const show = (frame) => {
    slider.value = frame;
    slider.setAttribute("aria-valuetext", `frame ${frame + 1} of ${frames}`);
    image.setAttribute("x", -step * frame);
  };
  const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
  const toggle = () => {
    if (timer) return stop();
    button.textContent = "Pause";
    timer = setInterval(() => show((Number(slider.value) + 1) % frames), pause);
  };
  button.addEventListener("click", toggle);
  player.querySelector("svg").addEventListener("click", toggle);
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  player.querySelector(".controls").hidden = false;
  show(0);
}
