// Small things for elements. What others say goes in as text, never as markup.

import { say } from "./words.js";

export const $ = (id) => document.getElementById(id);
export const on = (target, type, act) => (typeof target === "string" ? $(target) : target).addEventListener(type, act);
export const all = (selector, root = document) => root.querySelectorAll(selector);

/** An element with properties and children. */
export const el = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/** Name and tooltip of a button. */
export const label = (element, text) => { element.ariaLabel = element.title = text; };

const PATHS = {
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  camera: "M5.5 6.5H13a2.5 2.5 0 0 1 2.5 2.5v6a2.5 2.5 0 0 1-2.5 2.5H5.5A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.5zm10 4.5 5-3v8l-5-3z",
  speaker: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zm11.5-.5a4.5 4.5 0 0 1 0 6m2.5-9a8.5 8.5 0 0 1 0 12",
  share: "M5 4.5h14a2 2 0 0 1 2 2V15a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6.5a2 2 0 0 1 2-2zM8.5 20.5h7M12 13.5v-6M9.3 10 12 7.3l2.7 2.7",
  hand: "M7 13.5V6.3a1.4 1.4 0 0 1 2.8 0V11V4.5a1.4 1.4 0 0 1 2.8 0V11V5.3a1.4 1.4 0 0 1 2.8 0V12V8a1.4 1.4 0 0 1 2.8 0v6.5a6.5 6.5 0 0 1-6.5 6.5c-3 0-4.5-1.6-5.6-3.6L3.6 13a1.5 1.5 0 0 1 2.3-1.8z",
  chat: "M5.5 4.5h13A2.5 2.5 0 0 1 21 7v7.5a2.5 2.5 0 0 1-2.5 2.5H12l-4.6 3.6V17H5.5A2.5 2.5 0 0 1 3 14.5V7a2.5 2.5 0 0 1 2.5-2.5z",
  people: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 4.9a3.3 3.3 0 0 1 0 6.2M18 14a6 6 0 0 1 3.5 5.5",
  settings: "M4 7h9m4 0h3M4 17h3m4 0h9M15 4.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4zM9 14.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4z",
  flip: "M4.5 10A8 8 0 0 1 19 8M19.5 14A8 8 0 0 1 5 16M19.5 4v4.5H15M4.5 20v-4.5H9",
  pin: "M9 4h6l-.7 6 3.2 3.5h-11L9.7 10zM12 13.5V20",
  send: "M4 12 20 4.5 14.5 20l-3-6.5zm7.5 1.5L20 4.5",
  close: "m6 6 12 12M18 6 6 18",
  leave: "M14 4.5H7A2.5 2.5 0 0 0 4.5 7v10A2.5 2.5 0 0 0 7 19.5h7M10.5 12H20m-3.5-3.5L20 12l-3.5 3.5",
};

/** The drawing `name`; `name-off` is slashed. */
function icon(name) {
  const svg = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const [base, off] = name.split("-");
  const drawing = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": true });
  drawing.append(svg("path", { d: PATHS[base] + (off ? "M4 3l16 18" : "") }));
  return drawing;
}

/** Puts words, names and drawings where the markup asks for them. */
export function dress(root) {
  for (const element of all("[data-word]", root)) element.textContent = say(element.dataset.word);
  for (const element of all("[data-label]", root)) label(element, say(element.dataset.label));
  for (const element of all("[data-icon]", root)) element.prepend(icon(element.dataset.icon));
  return root;
}

/** A copy of a template. */
export const copy = (id) => dress($(id).content.cloneNode(true)).firstElementChild;

/** The first letter on a colour of one's own: embers, with some rose among them. */
export function setAvatar(element, nick, id) {
  const hue = [...`${id}${nick}`].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 70, 7);
  element.textContent = ([...nick.trim()][0] ?? "").toUpperCase();
  element.style.setProperty("--hue", hue < 48 ? hue : hue + 280);
}

/** Plays `track`; true when the element shows something new. */
export function setTrack(element, track) {
  if ((element.srcObject?.getTracks()[0] ?? null) === track) return false;
  element.srcObject = track && new MediaStream([track]);
  if (track && element.muted) element.play().catch(() => {}); // muted: it plays once it has a picture
  return true;
}
