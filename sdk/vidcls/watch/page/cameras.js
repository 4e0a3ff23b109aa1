// All cameras as small pictures, one of which is chosen to be shown large.
import { byId, element, setText } from "./dom.js";
import { cameraState, percent } from "./words.js";

// Small pictures are fetched one after the other, so many a second, whatever the number of cameras.
const PICTURES_PER_SECOND = 4;

export class Strip {
  constructor(names, choose) {
    this.names = names;
    this.cards = new Map(names.map((name) => [name, card(name, choose)]));
    this.next = 0;
    if (names.length < 2) return;
    byId("others").hidden = false;
    byId("strip").replaceChildren(...[...this.cards.values()].map(({ item }) => item));
    const pause = Math.max(1000 / PICTURES_PER_SECOND, 1000 / names.length);
    setInterval(() => this.fetchNext(), pause);
  }

  chosen(name) {
    for (const [other, { button }] of this.cards) button.setAttribute("aria-pressed", String(other === name));
  }

  update(camera, unanswered) {
    const { button, label, state } = this.cards.get(camera.name);
    const [words, kind] = cameraState(camera, unanswered);
    const answer = camera.answer;
    const isWell = kind === "good";
    button.classList.toggle("alarm", camera.going.length > 0);
    setText(label, answer ? (answer.known ? `${answer.label} ${percent(answer.score)}` : "Nothing known") : "No answer yet");
    setText(state, camera.going.length ? `Alarm: ${camera.going.map((event) => event.label).join(", ")}` : isWell ? "Live" : words);
    state.className = `state ${camera.going.length || isWell ? "good" : kind}`;
  }

  fetchNext() {
    if (document.hidden) return;
    const name = this.names[this.next++ % this.names.length];
    const shown = this.cards.get(name).picture;
    if (shown.dataset.busy) return;
    shown.dataset.busy = "yes";
    const loaded = new Image();
    loaded.onload = () => {
      shown.src = loaded.src;
      delete shown.dataset.busy;
    };
    loaded.onerror = () => delete shown.dataset.busy;
    loaded.src = `/picture/${encodeURIComponent(name)}.jpg?small&${Date.now()}`;
  }
}

function card(name, choose) {
  const picture = element("img", { alt: "", width: 480, height: 270 });
  const label = element("span", { class: "label" });
  const state = element("span", { class: "state" });
  const button = element(
    "button",
    { type: "button", "aria-pressed": "false", onclick: () => choose(name) },
    picture,
    element("span", { class: "name" }, name),
    label,
    state,
  );
  return { item: element("li", {}, button), button, picture, label, state };
}
