// The page: what the server sends -> what is shown; and what is shown while it sends nothing.
import { byId, getJson, setText } from "./dom.js";
import { Alarm } from "./alarm.js";
import { LargeCamera } from "./camera.js";
import { Strip } from "./cameras.js";
import { EventList } from "./events.js";
import { clock } from "./words.js";

const SILENCE_MS = 15000; // the server says something every five seconds
const AGAIN_MS = 2000;

const cameras = new Map();
let machine = { temperature: null };
let unanswered = 0; // for how many seconds the model has owed an answer
let shown = null; // what is made once the model is known
let eventsVersion = null;
let heard = performance.now(); // both clocks may be set: how long ago something was goes by none of them
let lostAt = null;
let stream = null;
let attempt = 0; // to connect: what one before the newest still brings is too late
// This machine's clock and the server's may differ: what is drawn goes by the server's.
let said = { now: Date.now(), uptime: 0 };

// Its time now, in ms since 1970, and how many seconds ago it began.
function serverTime() {
  const passed = performance.now() - heard;
  return { now: said.now + passed, uptime: said.uptime + passed / 1000 };
}

function make(state) {
  const names = state.cameras.map((camera) => camera.name);
  const model = state.model;
  const large = new LargeCamera();
  const choose = (name) => {
    strip.chosen(name);
    large.show(name).catch(lose);
    update();
    byId("camera").scrollIntoView({ block: "nearest" });
  };
  const strip = new Strip(names, choose);
  const made = { large, strip, alarm: new Alarm(model.operating_points, names.length > 1), events: new EventList(model.labels, names.length > 1) };
  setText(byId("model"), model.file);
  setText(byId("about"), about(model));
  strip.chosen(names[0]);
  large.show(names[0]).catch(lose);
  return made;
}

function about(model) {
  const labels = `${model.labels.length} ${model.labels.length === 1 ? "label" : "labels"}`;
  return [`Model ${model.file}`, model.precision, model.device && `on ${model.device}`, labels].filter(Boolean).join(", ");
}

function take(state) {
  heard = performance.now();
  said = { now: Date.parse(state.time), uptime: state.uptime_seconds };
  machine = state.machine;
  unanswered = state.unanswered_seconds;
  for (const camera of state.cameras) cameras.set(camera.name, camera);
  if (state.events_version !== eventsVersion) {
    eventsVersion = state.events_version;
    shown.events.reload().catch(lose);
  }
  update();
}

let isFirst = true;

function update() {
  if (shown === null) return;
  const all = [...cameras.values()];
  for (const camera of all) shown.strip.update(camera, unanswered);
  const chosen = cameras.get(shown.large.name);
  if (chosen) shown.large.update(chosen, { machine, unanswered, now: serverTime().now });
  shown.alarm.update(all.flatMap((camera) => camera.going), isFirst);
  isFirst = false;
}

async function connect() {
  const own = ++attempt;
  try {
    const state = await getJson("/state.json");
    if (own !== attempt) return;
    if (shown === null) shown = make(state);
    else {
      await shown.large.reload();
      if (own !== attempt) return;
      shown.large.watch();
    }
    eventsVersion = null;
    take(state);
    stream = new EventSource("/stream");
    stream.onmessage = (message) => take(JSON.parse(message.data));
    stream.onerror = lose;
    lostAt = null;
    setText(byId("away"), "");
    document.body.classList.remove("away");
  } catch {
    if (own === attempt) lose();
  }
}

// Say so, and try again until it is back.
function lose() {
  attempt++;
  if (stream) stream.close();
  stream = null;
  if (lostAt === null) lostAt = new Date(Date.now() - (performance.now() - heard));
  setText(byId("away"), `No connection to the program since ${clock(lostAt)}. What is shown is old; trying again.`);
  document.body.classList.add("away");
  clearTimeout(lose.timer);
  lose.timer = setTimeout(connect, AGAIN_MS);
}

setInterval(() => {
  if (stream && performance.now() - heard > SILENCE_MS) lose();
  if (shown === null) return;
  shown.large.draw(shown.events.events, serverTime());
  shown.events.tick(serverTime().now);
}, 1000);
connect();
