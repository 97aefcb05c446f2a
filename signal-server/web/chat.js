// What is said in the room, over each peer's data channel: the server sees nothing of it. A channel that comes back says how
// far it had heard, and what is missing is said again.

import { $, el, label, on, write } from "./dom.js";
import { toUrl } from "./link.js";
import { say } from "./words.js";

const LETTERS = 4000; // of a message; what is longer is cut
const SAID = 200; // our own that can be said again; full: the oldest goes, and who was away misses it
const LINES = 1000; // that are shown; full: the oldest goes
const BURST = 250, PER_SECOND = 4; // messages of one peer; what is beyond is dropped
const BLOCK_MS = 120_000; // lines of one person within this are one block
const NEAR = 80; // pixels from the bottom: who is farther up is reading, and is not moved
// Addresses in a text; what ends a sentence is not a part of them.
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}，。；：！？）】》]/gi;

const cut = (text) => [...text.trim().slice(0, 2 * LETTERS)].slice(0, LETTERS).join("");

// What was said in one call: lines {from: an id, or null for us; nick; text}; the number of our newest message, 0 before the first.
export class Chat {
	lines = []; last = 0; #said = [];

	// We say something: {n, text} to be sent, or nothing when nothing is left of it.
	say(words) {
		const text = this.hear(null, say("you"), words), said = { n: this.last + 1, text };
		if (!text) return;
		this.last = said.n;
		this.#said.push(said);
		if (this.#said.length > SAID) this.#said.shift();
		return said;
	}

	hear(from, nick, words) {
		const text = cut(words), line = { from, nick, text };
		if (!text) return;
		this.lines.push(line);
		if (this.lines.length > LINES) this.lines.shift();
		show(line);
		return text;
	}

	after(n) { return this.#said.filter((said) => said.n > n); }
}

// How far we and one other have heard each other. They came when `since` was our newest: what was before is not for them.
export class Hearing {
	heard = 0; #since; #mayAsk; #tokens = BURST; #filled = performance.now();

	constructor(since) { this.#since = since; }

	// A channel is open: the highest number of theirs that we have heard.
	open() {
		this.#mayAsk = true;
		return this.heard;
	}

	// They have heard ours up to `n`: what came after is said again, once for each channel.
	seen(n, again) {
		if (this.#mayAsk) again(Math.max(n, this.#since));
		this.#mayAsk = false;
	}

	// Whether their message `n` is new, and not one too many.
	take(n) {
		const now = performance.now();
		this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filled) / 1000) * PER_SECOND);
		this.#filled = now;
		if (n <= this.heard || this.#tokens < 1) return false;
		this.#tokens -= 1;
		this.heard = n;
		return true;
	}
}

let unread = 0, last, lastAt;

export function startChat(send) {
	const field = $("chat-text");
	const submit = (event) => {
		event.preventDefault();
		send(field.value);
		field.value = "";
	};
	field.placeholder = field.ariaLabel = say("chat_write");
	on($("chat-form"), "submit", submit);
	// Enter that ends the choice of a Chinese word is no Enter.
	on(field, "keydown", (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && submit(event));
}

export function clearChat() {
	$("chat-log").replaceChildren();
	last = undefined;
	readChat();
}

export function readChat() {
	count(0);
	$("chat-log").scrollTop = 1e9;
}

function show({ from, nick, text }) {
	const log = $("chat-log"), own = from === null, at = new Date();
	const near = own || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR, item = el("li", { className: own ? "own" : "" });
	if (last !== from || at - lastAt > BLOCK_MS) {
		const time = at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
		item.append(el("h3", {}, nick, " ", el("time", {}, time)));
	}
	item.append(el("p", {}, ...linked(text)));
	log.append(item);
	if (log.childElementCount > LINES) log.firstChild.remove();
	[last, lastAt] = [from, at];
	if (near) log.scrollTop = 1e9;
	count(unread + (!own && $("chat").hidden));
}

function count(n) {
	unread = n;
	label($("chat-button"), say("chat") + (n ? say("unread", { n }) : ""));
	$("unread").hidden = !n;
	write("unread", n > 99 ? "99+" : n);
}

function linked(text) {
	const parts = [];
	let at = 0;
	for (const { 0: found, index } of text.matchAll(ADDRESS)) {
		const href = toUrl(found)?.href;
		if (!href) continue;
		parts.push(text.slice(at, index), el("a", { href, target: "_blank", rel: "noopener noreferrer" }, found));
		at = index + found.length;
	}
	return [...parts, text.slice(at)];
}
