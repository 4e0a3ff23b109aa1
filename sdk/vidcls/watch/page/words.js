// Numbers and states in words, for people who did not write any of this. Units stay on the line of their numbers.

// What is older is told to be.
const LATE_SECONDS = 15;

export function percent(share) {
  return `${Math.round(share * 100)}\u00a0%`;
}

export function count(number) {
  return number.toLocaleString("en");
}

export function seconds(value) {
  if (value < 10) return `${value.toFixed(1)}\u00a0s`;
  if (value < 100) return `${Math.round(value)}\u00a0s`;
  if (value < 5400) return `${Math.round(value / 60)}\u00a0min`;
  return `${(value / 3600).toFixed(1)}\u00a0h`;
}

export function clock(date) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

export function moment(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock(date) : `${date.toLocaleDateString([], { day: "numeric", month: "short" })}, ${clock(date)}`;
}

function times(number) {
  return number === 1 ? "once" : `${count(number)} times`;
}

// What is wrong with a camera, or that nothing is: [words, "good" | "bad" | ""].
export function cameraState(camera, unansweredSeconds) {
  if (!camera.connected && camera.was_connected) return ["Connection to the camera lost; it is tried again", "bad"];
  if (!camera.connected) return ["Not connected yet; it is tried again and again", ""];
  if (camera.picture_state === "black") return ["The picture is black: is the lens covered, or the light off?", "bad"];
  if (camera.picture_state === "frozen") return ["The picture stands still: the camera repeats the same one", "bad"];
  if (!camera.answer) return ["Waiting for the first answer", ""];
  if (unansweredSeconds > LATE_SECONDS) return [`No answer for ${seconds(unansweredSeconds)}: the model hangs, or is slow`, "bad"];
  return ["Live", "good"];
}

export function facts(camera, machine, now) {
  const answer = camera.answer;
  const age = answer ? Math.max((now - new Date(answer.time)) / 1000, 0) : 0;
  const delay = answer ? `Answers come about ${seconds(answer.lag_seconds)} after it happened` : "No answer yet";
  const late = answer && age > Math.max(LATE_SECONDS, 4 * answer.lag_seconds) ? `; the newest is from ${seconds(age)} ago` : "";
  const all = camera.windows + camera.dropped_windows;
  const skipped = camera.dropped_windows
    ? `${percent(camera.dropped_windows / all)} of the time (${count(camera.dropped_windows)} of ${count(all)} windows, ${count(camera.dropped_frames)} frames), since this machine is too slow for all of it`
    : "Nothing";
  const gaps = camera.gaps
    ? `Interrupted ${times(camera.gaps)}, ${seconds(camera.gap_seconds)} in all: the camera was lost, or its own times jumped`
    : "None";
  const rows = [
    ["Delay", delay + late],
    ["Speed", `${camera.records_per_second.toFixed(1)} answers a second`],
    ["Skipped", skipped],
    ["Interruptions", gaps],
  ];
  if (machine.temperature !== null) rows.push(["Machine", `${Math.round(machine.temperature)}\u00a0°C`]);
  return rows;
}

export function length(event, now) {
  const start = new Date(event.start);
  if (event.state === "provisional") return `going on, ${seconds(Math.max((now - start) / 1000, 0))} so far`;
  const lasted = seconds((new Date(event.end) - start) / 1000);
  return event.cut_short ? `at least ${lasted}, cut short` : lasted;
}

// From which probability on a label is an alarm, and how often that is right.
export function operatingPoint(point) {
  if (!point) return "";
  return `An alarm from ${percent(point.probability)} on: in tests, ${percent(point.precision)} of such alarms were right, and ${percent(point.recall)} of all were found.`;
}
