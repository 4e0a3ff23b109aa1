// The list of events, newest first: each with its clip, and with a way to say that it was wrong.
import { byId, element, getJson, setText } from "./dom.js";
import { length, moment, percent } from "./words.js";

export class EventList {
  constructor(labels, hasCameras) {
    this.labels = labels;
    this.hasCameras = hasCameras;
    this.events = [];
    this.items = new Map();
    byId("older").addEventListener("click", () => this.loadOlder());
  }

  async reload() {
    const { events, more } = await getJson("/events.json");
    const older = this.events.slice(events.length).filter((event) => !events.some((other) => other.id === event.id));
    this.events = [...events, ...(more ? older : [])];
    byId("older").hidden = !more || older.length > 0;
    this.show();
  }

  async loadOlder() {
    const last = this.events[this.events.length - 1];
    const { events, more } = await getJson(`/events.json?before=${encodeURIComponent(last.id)}`);
    this.events = [...this.events, ...events];
    byId("older").hidden = !more;
    this.show();
  }

  // Of events that go on: how long they have.
  tick(now) {
    for (const event of this.events) {
      if (event.state === "provisional") setText(this.items.get(event.id).length, length(event, now));
    }
  }

  show() {
    const now = Date.now();
    const kept = new Map();
    for (const event of this.events) {
      const key = JSON.stringify(event);
      const old = this.items.get(event.id);
      kept.set(event.id, old && old.key === key ? old : this.item(event, key, now));
    }
    this.items = kept;
    const list = byId("event-list");
    const wanted = [...kept.values()].map(({ item }) => item);
    // What plays or is being marked stays where it is: only what differs is moved.
    wanted.forEach((item, number) => {
      if (list.children[number] !== item) list.insertBefore(item, list.children[number] || null);
    });
    while (list.children.length > wanted.length) list.lastChild.remove();
    byId("no-events").hidden = wanted.length > 0;
  }

  item(event, key, now) {
    const isGoing = event.state === "provisional";
    const duration = element("span", {}, length(event, now));
    const where = this.hasCameras ? [element("span", {}, event.camera)] : [];
    const item = element(
      "li",
      { class: isGoing ? "going" : "" },
      element("h3", {}, event.label),
      element(
        "p",
        { class: "note facts-line" },
        element("time", { datetime: event.start }, moment(new Date(event.start))),
        ...where,
        duration,
        element("span", {}, `${isGoing ? "began at" : "up to"} ${percent(event.peak_score)}`),
      ),
    );
    if (!isGoing) item.append(this.tools(event));
    return { key, item, length: duration };
  }

  tools(event) {
    const place = element("div", { class: "below" });
    const buttons = element("div", { class: "buttons" });
    if (event.clip) {
      buttons.append(playButton(event, place));
      if (!event.marked) buttons.append(this.wrongButton(event, place));
    } else {
      const why = event.cut_short ? "The program was killed meanwhile; no clip was kept." : "No clip was kept.";
      buttons.append(element("span", { class: "note" }, why));
    }
    const parts = element("div", {}, buttons, place);
    if (event.marked) parts.append(markedNote(event.marked.label));
    return parts;
  }

  wrongButton(event, place) {
    const button = element("button", { type: "button", "aria-expanded": "false" }, "Wrong?");
    button.setAttribute("aria-label", `Wrong? Say what ${event.label} at ${moment(new Date(event.start))} really shows`);
    let form = null;
    button.addEventListener("click", () => {
      if (form) form.remove();
      form = form ? null : this.form(event, () => button.click());
      button.setAttribute("aria-expanded", String(form !== null));
      if (form) {
        place.append(form);
        form.querySelector("select").focus();
      } else button.focus();
    });
    return button;
  }

  form(event, close) {
    const id = `mark-${event.id}`;
    const others = this.labels.filter((label) => label !== event.label);
    const choice = element(
      "select",
      { id },
      element("option", { value: "none" }, "None of the labels"),
      ...others.map((label, number) => element("option", { value: String(number) }, label)),
    );
    const problem = element("p", { class: "bad", role: "alert" });
    const form = element(
      "form",
      { class: "mark" },
      element("label", { for: id }, "What does the clip really show?"),
      choice,
      element(
        "div",
        { class: "buttons" },
        element("button", { type: "submit", class: "strong" }, "Save for training"),
        element("button", { type: "button", onclick: close }, "Cancel"),
      ),
      problem,
    );
    form.addEventListener("submit", async (submitted) => {
      submitted.preventDefault();
      const label = choice.value === "none" ? null : others[Number(choice.value)];
      const said = await mark(event.id, label);
      if (said) setText(problem, said);
      else await this.reload();
    });
    return form;
  }
}

// What went wrong, or nothing.
async function mark(id, label) {
  try {
    const answer = await fetch(`/events/${encodeURIComponent(id)}/mark`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ label }),
    });
    if (answer.ok) return "";
    const said = await answer.json().catch(() => ({}));
    return said.error || `It could not be saved (${answer.status}).`;
  } catch {
    return "It could not be saved: the program cannot be reached.";
  }
}

function markedNote(label) {
  const shows = label === null ? "none of the labels" : label;
  return element("p", { class: "marked" }, `Marked as wrong: it shows ${shows}. Kept for training.`);
}

function playButton(event, place) {
  const button = element("button", { type: "button", "aria-expanded": "false" }, "Play clip");
  const name = (words) => button.setAttribute("aria-label", `${words} of ${event.label} at ${moment(new Date(event.start))}`);
  let video = null;
  name("Play clip");
  button.addEventListener("click", () => {
    if (video) {
      video.remove();
      video = null;
    } else {
      video = element("video", { controls: true, playsinline: true, loop: true, src: `/clips/${encodeURIComponent(event.clip)}` });
      video.setAttribute("aria-label", `Clip of ${event.label}`);
      video.muted = true;
      place.prepend(video);
      video.play().catch(() => {}); // where the browser wants a tap first, its controls are there
    }
    setText(button, video ? "Close clip" : "Play clip");
    name(button.textContent);
    button.setAttribute("aria-expanded", String(video !== null));
  });
  return button;
}
