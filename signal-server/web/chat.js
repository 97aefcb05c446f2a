// What is said in the room, over each peer's data channel: the server sees nothing of it.

import { $, changed, el } from "./dom.js";
import { say } from "./words.js";

const LETTERS = 4000; // of a message; what is longer is cut
const SAID = 200; // our own that can be said again; full: the oldest goes
const LINES = 1000; // that are shown; full: the oldest goes
const NEAR = 80; // pixels from the bottom: who is farther up is not moved
// Addresses in a text; what ends a sentence is not a part of them.
const ADDRESS = /(\bhttps?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}，。；：！？）】》])/i;

// Lines {from: an id, or null for us; nick; text}; our own {n, text}, and the number of the newest, 0 before the first.
export const chat = { lines: [], said: [], last: 0, unread: 0, hear, say: speak };

function keep(list, item, most) {
	list.push(item);
	if (list.length > most) list.shift();
}

// We say something: {n, text} to be sent, or nothing when nothing is left of it.
function speak(words) {
	const text = hear(null, say("you"), words);
	if (!text) return;
	keep(chat.said, { n: ++chat.last, text }, SAID);
	return chat.said.at(-1);
}

function hear(from, nick, words) {
	const text = [...words.trim().slice(0, 2 * LETTERS)].slice(0, LETTERS).join("");
	if (text) show({ from, nick, text });
	return text;
}

function show(line) {
	const { from, nick, text } = line, log = $("chat-log"), own = from === null;
	const near = own || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR, item = el("li", { className: own ? "own" : "" });
	const time = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
	if (log.lastChild?.head !== (item.head = from + time)) item.append(el("h3", {}, el("bdi", {}, nick), " ", el("time", {}, time))); // of a block
	keep(chat.lines, line, LINES);
	item.append(el("p", {}, ...text.split(ADDRESS).map(linked)));
	log.append(item);
	if (log.childElementCount > LINES) log.firstChild.remove();
	if (near) log.scrollTop = 1e9;
	if (!own) chat.unread += 1;
	changed();
}

const linked = (part, n) => (n % 2 ? el("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part) : part);
