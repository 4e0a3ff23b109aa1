// Elements. Labels and names come from whoever made the model or the settings: they are only ever set as text.

// After which no answer is waited for any more.
const ANSWER_MS = 15000;

export function byId(id) {
  return document.getElementById(id);
}

export function element(kind, fields = {}, ...children) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(fields)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function drawn(kind, fields = {}, text = "") {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(fields)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

// Only where it differs, so that nothing is read aloud or painted again for nothing.
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export async function getJson(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  if (answer.status === 401 || answer.status === 429) location.reload(); // to the page that asks for the token
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}`);
  return answer.json();
}
