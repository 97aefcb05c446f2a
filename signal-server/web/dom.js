// Small things for elements. What others say goes in as text, never as markup.

import { say } from "./words.js";

export const $ = (id) => document.getElementById(id);
export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => root.querySelectorAll(selector);
export const on = (target, type, act) => target.addEventListener(type, act);
export const write = (target, text) => { (target.nodeType ? target : $(target)).textContent = text; };
export const flag = (element, name, is) => element.classList.toggle(name, Boolean(is));
export const label = (element, text) => { element.ariaLabel = element.title = text; };

export function el(tag, properties, ...children) {
	const element = Object.assign(document.createElement(tag), properties);
	element.append(...children);
	return element;
}

const PATHS = {
	audio: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
	video: "M5 6.5h8a2.5 2.5 0 0 1 2.5 2.5v6a2.5 2.5 0 0 1-2.5 2.5H5.5A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.5zm10.5 4.5 5-3v8l-5-3z",
	speaker: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zm11.5-.5a4.5 4.5 0 0 1 0 6m2.5-9a8.5 8.5 0 0 1 0 12",
	share: "M3 4.5h18v13H3zM8 21h8m-4-7.5v-6M9.3 10 12 7.3l2.7 2.7",
	hand: "M7 13.5V6.3a1.4 1.4 0 0 1 2.8 0V11V4.5a1.4 1.4 0 0 1 2.8 0V11V5.3a1.4 1.4 0 0 1 2.8 0V12V8a1.4 1.4 0 0 1 2.8 0v6.5a6.5 6.5 0 0 1-6.5 6.5c-3 0-4.5-1.6-5.6-3.6L3.6 13a1.5 1.5 0 0 1 2.3-1.8z",
	chat: "M3 4.5h18v12.5h-9l-4.6 3.6V17H3z",
	people: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 4.9a3.3 3.3 0 0 1 0 6.2M18 14a6 6 0 0 1 3.5 5.5",
	settings: "M4 7h9m4 0h3M4 17h3m4 0h9M15 4.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4zM9 14.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4z",
	flip: "M4.5 10A8 8 0 0 1 19 8M19.5 14A8 8 0 0 1 5 16M19.5 4v4.5H15M4.5 20v-4.5H9",
	pin: "M9 4h6l-.7 6 3.2 3.5h-11L9.7 10zM12 13.5V20",
	send: "M4 12 20 4.5 14.5 20l-3-6.5zm7.5 1.5L20 4.5",
	close: "m6 6 12 12M18 6 6 18",
	leave: "M14 4.5H5v15h9M10.5 12H20m-3.5-3.5L20 12l-3.5 3.5",
};

// The drawing `name`; `name-off` is slashed.
function icon(name) {
	const [base, off] = name.split("-"), make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
	const svg = make("svg"), path = make("path");
	svg.setAttribute("viewBox", "0 0 24 24");
	path.setAttribute("d", PATHS[base] + (off ? "M4 3l16 18" : ""));
	svg.append(path);
	return svg;
}

// Puts words and drawings where the markup asks for them; a button has those of what it does.
export function dress(root) {
	for (const button of all("[data-do]", root)) {
		const act = button.dataset.do;
		if (!button.matches(".round, .plain")) button.dataset.word ??= act;
		else {
			button.prepend(icon(act));
			label(button, say(act));
		}
	}
	for (const element of all("[data-word]", root)) element.prepend(say(element.dataset.word).replace(/ \(.\)$/, "")); // keys are for tooltips
	for (const element of all("[data-icon]", root)) element.prepend(icon(element.dataset.icon));
	return root;
}

export const copy = (id) => dress($(id).content.cloneNode(true)).firstElementChild;

// The first letter on a colour of one's own: embers, with some rose among them.
export function setAvatar(element, nick, id = "") {
	const hue = [...id + nick].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 70, 7);
	element.textContent = ([...nick.trim()][0] ?? "").toUpperCase();
	element.style.setProperty("--hue", hue < 48 ? hue : hue + 280);
}

// Plays `track`; true when the element shows something new.
export function setTrack(element, track = null) {
	if ((element.srcObject?.getTracks()[0] ?? null) === track) return false;
	element.srcObject = track && new MediaStream([track]);
	if (track && element.muted) element.play().catch(() => {}); // muted: it plays once it has a picture
	return true;
}
