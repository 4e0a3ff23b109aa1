// The camera that is shown large: its picture, what the model says, and how it goes.
import { byId, element, getJson, setText } from "./dom.js";
import { History, drawChart } from "./chart.js";
import { cameraState, facts, percent } from "./words.js";

export class LargeCamera {
  constructor() {
    this.name = null;
    this.state = null;
    this.history = new History();
    byId("picture").addEventListener("error", () => setTimeout(() => this.watch(), 2000));
    document.addEventListener("visibilitychange", () => this.watch());
  }

  async show(name) {
    this.name = name;
    this.state = null;
    this.history = new History();
    setText(byId("camera-name"), name);
    byId("picture").alt = `What ${name} sees now`;
    this.watch();
    await this.reload();
  }

  // Fetch what was before: at the start, and after the server was away.
  async reload() {
    const name = this.name;
    const { points, seconds } = await getJson(`/history/${encodeURIComponent(name)}.json`);
    if (this.name === name) this.history.replace(points, seconds);
  }

  // Pictures are fetched while someone can see them: a browser has six connections to a server, for all its tabs.
  watch() {
    const picture = byId("picture");
    if (document.hidden || this.name === null) picture.removeAttribute("src");
    else picture.src = `/picture/${encodeURIComponent(this.name)}.mjpg?${Date.now()}`;
  }

  update(camera, { machine, unanswered, now }) {
    this.state = camera;
    this.history.add(camera.point, camera.point_seconds);
    const [words, kind] = cameraState(camera, unanswered);
    setText(byId("camera-state"), words);
    byId("camera-state").className = `state ${kind}`;
    showAnswer(camera);
    showFacts(facts(camera, machine, now));
  }

  draw(events, time) {
    if (document.hidden || this.name === null) return;
    drawChart(byId("chart"), byId("legend"), this.history, events.filter((event) => event.camera === this.name), time);
  }
}

function showAnswer(camera) {
  const answer = camera.answer;
  if (!answer) {
    setText(byId("answer"), "No answer yet");
    setText(byId("answer-score"), "");
    setText(byId("answer-note"), "");
    byId("top").replaceChildren();
    return;
  }
  const present = answer.labels_present.length > 1 ? answer.labels_present.join(", ") : answer.label;
  setText(byId("answer"), answer.known ? present : "Nothing known");
  setText(byId("answer-score"), answer.known ? percent(answer.score) : "");
  setText(byId("answer-note"), answer.known ? "is what the model recognises" : "It shows none of the model's labels.");
  const top = byId("top");
  while (top.children.length > answer.top.length) top.lastChild.remove();
  while (top.children.length < answer.top.length) top.append(bar());
  answer.top.forEach(([label, score], number) => {
    const [name, track, value] = top.children[number].children;
    setText(name, label);
    track.firstChild.style.width = `${100 * score}%`;
    setText(value, percent(score));
  });
}

function bar() {
  const track = element("span", { class: "track", "aria-hidden": "true" }, element("span", { class: "fill" }));
  return element("li", {}, element("span", { class: "name" }), track, element("span", { class: "value" }));
}

function showFacts(rows) {
  const list = byId("facts");
  if (list.children.length !== rows.length) {
    list.replaceChildren(...rows.map(() => element("div", {}, element("dt"), element("dd"))));
  }
  rows.forEach(([name, words], number) => {
    const [term, description] = list.children[number].children;
    setText(term, name);
    setText(description, words);
  });
}
