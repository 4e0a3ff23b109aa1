// What goes on now: a banner and the tab's title; a sound and notifications for whoever has asked for them.
import { byId, element } from "./dom.js";
import { clock, operatingPoint } from "./words.js";

export class Alarm {
  constructor(points, hasCameras) {
    this.points = points;
    this.hasCameras = hasCameras;
    this.shown = "[]";
    this.told = new Set();
    this.sound = null;
    byId("sound").addEventListener("click", () => this.toggleSound());
    this.offerNotifications();
  }

  // isFirst: what went on before the page was opened is shown, and not told again.
  update(going, isFirst) {
    const key = JSON.stringify(going.map((event) => event.id));
    if (key !== this.shown) {
      this.shown = key;
      byId("alarms").replaceChildren(...going.map((event) => this.banner(event)));
      const labels = [...new Set(going.map((event) => event.label))].join(", ");
      document.title = going.length ? `● ${labels} – vidcls` : "vidcls";
    }
    const fresh = going.filter((event) => !this.told.has(event.id));
    this.told = new Set(going.map((event) => event.id));
    if (fresh.length && !isFirst) this.tell(fresh);
  }

  banner(event) {
    const since = `since ${clock(new Date(event.start))}`;
    const where = this.hasCameras ? ` at ${event.camera}` : "";
    const point = operatingPoint(this.points[event.label]);
    const text = element("p", {}, element("strong", {}, `${event.label}${where}`), ` ${since}`);
    return element("div", { class: "alarm" }, text, ...(point ? [element("p", { class: "point" }, point)] : []));
  }

  tell(events) {
    if (this.sound) beep(this.sound);
    if (byId("notify").getAttribute("aria-pressed") !== "true") return;
    for (const event of events) {
      const where = this.hasCameras ? `${event.camera}, ` : "";
      new Notification(event.label, { body: `${where}since ${clock(new Date(event.start))}`, tag: event.id, icon: "/icon.svg" });
    }
  }

  toggleSound() {
    if (this.sound) {
      this.sound.close();
      this.sound = null;
    } else {
      this.sound = new AudioContext(); // which a browser allows after a click alone
      beep(this.sound); // so that one knows what to listen for
    }
    byId("sound").setAttribute("aria-pressed", String(this.sound !== null));
  }

  // Browsers show them for pages of this machine and for https alone.
  offerNotifications() {
    const button = byId("notify");
    button.hidden = !(window.isSecureContext && "Notification" in window);
    button.addEventListener("click", async () => {
      const isOn = button.getAttribute("aria-pressed") === "true";
      const isAllowed = !isOn && (await Notification.requestPermission()) === "granted";
      button.setAttribute("aria-pressed", String(isAllowed));
    });
  }
}

function beep(context) {
  for (const [number, pitch] of [660, 880].entries()) {
    const start = context.currentTime + 0.22 * number;
    const tone = new OscillatorNode(context, { frequency: pitch });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setTargetAtTime(0.25, start, 0.01);
    volume.gain.setTargetAtTime(0, start + 0.16, 0.02);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.3);
  }
}
