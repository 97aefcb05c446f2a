// Small things for elements. What others say goes in as text, never as markup.

import { server } from "./signalling.js";
import { say } from "./words.js";

export const $ = (id) => document.getElementById(id);
export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const label = (element, text) => { element.ariaLabel = element.title = text; };

export function el(tag, { dataset, ...properties } = {}, ...children) {
	const element = Object.assign(document.createElement(tag), properties);
	Object.assign(element.dataset, dataset);
	element.append(...children);
	return element;
}

let drawing, due;
export const drawBy = (draw) => { drawing = draw; };

// Something has changed: everything is drawn again, once for all that changes at this moment.
export const changed = () => {
	due ??= Promise.resolve().then(() => {
		due = null;
		drawing();
	});
};

// Each element `id` is seen unless its value is false or empty, and says a value that is a text or a number.
export function paint(values) {
	for (const id in values) {
		const value = values[id], element = $(id);
		element.hidden = !value;
		if (typeof value !== "boolean" && element.textContent !== `${value}`) element.textContent = value; // or it is read aloud again
	}
}

// Makes the children of `list` those of `rows` ({id, name, text, note, orders}). What is there stays: it may have the focus.
export function fill(list, rows) {
	const standing = new Map([...list.children].map((item) => [item.key, item]));
	for (const { id, name, text = name, note = "", orders = [] } of rows) {
		const order = (act) => el("button", { className: "text", ariaLabel: `${say(act)}: ${name}`, dataset: { do: act, peer: id, name } }, say(act));
		const make = () => el("li", { key }, avatar(el("span"), name, id), el("p", {}, text, el("small")), ...orders.map(order));
		const key = id + text + orders, item = standing.get(key) ?? list.appendChild(make());
		one("small", item).textContent = note;
		standing.delete(key);
	}
	for (const item of standing.values()) item.remove();
}

const PATHS = {
	audio: "M9 6a3 3 0 0 1 6 0v5a3 3 0 0 1-6 0zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
	video: "M3 6.5h12.5v11H3zm13 4.5 5-3v8l-5-3z",
	speaker: "M4 9.5v5h3.5l4.5 4v-13l-4.5 4zM15.5 9a4 4 0 0 1 0 6M18 6a8.5 8.5 0 0 1 0 12",
	share: "M3 4.5h18v13H3zM8 21h8m-4-7v-6M9 10l3-3 3 3",
	hand: "M7 13V6a1.4 1.4 0 0 1 2.8 0v5-7a1.4 1.4 0 0 1 2.8 0v7-6a1.4 1.4 0 0 1 2.8 0v7-4a1.4 1.4 0 0 1 2.8 0v7a6.5 6.5 0 0 1-12 3l-3-5a1.5 1.5 0 0 1 2.3-1.8z",
	chat: "M3 4.5h18V17h-9l-4.6 3.6V17H3z",
	people: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zm-6.5 8a6.5 6.5 0 0 1 13 0M15.5 5a3.3 3.3 0 0 1 0 6m2.5 3a6 6 0 0 1 3.5 5.5",
	settings: "M4 7h9m4 0h3M4 17h3m4 0h9M13 7a2.2 2.2 0 1 0 4 0 2.2 2.2 0 1 0-4 0M7 17a2.2 2.2 0 1 0 4 0 2.2 2.2 0 1 0-4 0",
	flip: "M4.5 10A8 8 0 0 1 19 8m.5 6A8 8 0 0 1 5 16M19.5 4v4.5H15M4.5 20v-4.5H9",
	pin: "M9 4h6l-.7 6 3.2 3.5h-11L9.7 10zm3 9.5V20",
	send: "M4 12l16-7.5L14.5 20l-3-6.5zm7.5 1.5 8.5-9",
	close: "M6 6l12 12m0-12L6 18",
	leave: "M14 4.5H5v15h9M10.5 12H20m-3.5-3.5L20 12l-3.5 3.5",
	off: "M4 3l16 18",
	crown: "M4 18.5 2.5 7.5 8 11l4-6 4 6 5.5-3.5L20 18.5z",
	person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7.5 8.5a7.5 7.5 0 0 1 15 0",
};

function icon(...names) {
	const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
	svg.setAttribute("viewBox", "0 0 24 24");
	path.setAttribute("d", names.map((name) => PATHS[name]).join(""));
	svg.append(path);
	return svg;
}

// Puts words and drawings where the markup asks for them; a round button has those of what it does.
export function dress(root) {
	for (const button of all("[data-do]", root)) {
		const { dataset, ariaKeyShortcuts: key } = button, act = dataset.do;
		if (!button.matches(".round, .plain")) dataset.word ??= act;
		else {
			dataset.icon = act;
			label(button, say(act) + (key ? ` (${key})` : ""));
			if (button.matches("nav *")) button.append(el("span", {}, say(`${act}_short`) || say(act)));
		}
	}
	for (const element of all("[data-word]", root)) element.prepend(say(element.dataset.word));
	for (const element of all("[data-icon]", root)) element.prepend(icon(...element.dataset.icon.split(" ")));
	return root;
}

// A letter on the colour that the window has for this `id` (or ours): FNV-1a of it.
const PEOPLE = "a8452e 8a5a1a 5f6b1f 2f6f57 2b6884 4a5aa8 794a9a a03b6a".split(" ");
export const colorOf = (id) => `#${PEOPLE[([...id].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(), 0x1000193), 0x811c9dc5) >>> 0) % PEOPLE.length]}`;

export function avatar(element, name, id) {
	const letter = /[\p{L}\p{N}]/u.exec(name)?.[0].toUpperCase() ?? "";
	element.className = "avatar";
	element.ariaHidden = true;
	if (element.textContent !== letter || !element.firstChild) element.replaceChildren(letter || icon("person"));
	element.style.setProperty("--hue", colorOf(id || server.id));
	return element;
}

// Plays `track` or nothing; true when the element shows something new.
export function setTrack(element, track = null) {
	if ((element.srcObject?.getTracks()[0] ?? null) === track) return false;
	element.srcObject = track && new MediaStream([track]);
	if (track && element.muted) element.play().catch(() => {}); // muted: it plays once it has a picture
	return true;
}
