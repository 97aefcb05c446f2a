// What is said in the room, over each peer's data channel: the server sees nothing of it. A channel that comes back says how
// far it had heard, and what is missing is said again.

import { $, el, label, on } from "./dom.js";
import { toUrl } from "./link.js";
import { say } from "./words.js";

/** Longest message, letters; what is longer is cut. */
const LETTERS = 4000;
/** Our own messages that can be said again. Cap 200; full: the oldest goes, and who was away misses it. */
const SAID = 200;
/** Lines that are shown. Cap 1000; full: the oldest goes. */
const LINES = 1000;
/** Messages of one peer at once (all of its own, said again), and a second for ever. What is beyond is dropped. */
const BURST = 250, PER_SECOND = 4;
/** Lines of one person within this are one block. */
const BLOCK_MS = 120_000;
/** From the bottom of the log, in pixels: who is farther up is reading, and is not moved. */
const NEAR = 80;
/** Addresses in a text; what ends a sentence is not a part of them. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}，。；：！？）】》]/gi;

const cut = (text) => [...text.trim().slice(0, 2 * LETTERS)].slice(0, LETTERS).join("");

/** What was said in one call. */
export class Chat {
  /** {from: an id, or null for us; nick; text}, the oldest first; the number of our newest message, 0 before the first. */
  lines = []; last = 0; #said = [];

  /** We say something: {n, text} to be sent, or nothing when nothing is left of it. */
  say(words) {
    const text = this.hear(null, say("you"), words);
    if (!text) return;
    const said = { n: ++this.last, text };
    this.#said.push(said);
    if (this.#said.length > SAID) this.#said.shift();
    return said;
  }

  /** Somebody said something. */
  hear(from, nick, words) {
    const text = cut(words), line = { from, nick, text };
    if (!text) return;
    this.lines.push(line);
    if (this.lines.length > LINES) this.lines.shift();
    showLine(line);
    return text;
  }

  /** Our messages after number `n`. */
  after(n) { return this.#said.filter((said) => said.n > n); }
}

/** How far we and one other have heard each other. They came when `since` was our newest message: what was before is not for them. */
export class Hearing {
  heard = 0; #since; #mayAsk = false; #tokens = BURST; #filled = performance.now();

  constructor(since) { this.#since = since; }

  /** A channel is open: the highest number of theirs that we have heard. */
  open() {
    this.#mayAsk = true;
    return this.heard;
  }

  /** They have heard ours up to `n`: what came after is said again, once for each channel. */
  seen(n, again) {
    if (this.#mayAsk) again(Math.max(n, this.#since));
    this.#mayAsk = false;
  }

  /** Whether their message `n` is new, and not one too many. */
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

/** `send(text)` says what was written. */
export function startChat(send) {
  const submit = (event) => {
    event.preventDefault();
    send($("chat-text").value);
    $("chat-text").value = "";
  };
  $("chat-text").placeholder = $("chat-text").ariaLabel = say("chat_write");
  on($("chat-form"), "submit", submit);
  on($("chat-text"), "keydown", (event) => {
    // Enter that ends the choice of a Chinese word is no Enter.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
}

/** Another call begins. */
export function clearChat() {
  $("chat-log").replaceChildren();
  last = undefined;
  readChat();
}

/** The panel is open: all of it is read. */
export function readChat() {
  unread = 0;
  labelChat();
  $("chat-log").scrollTop = 1e9;
}

function showLine({ from, nick, text }) {
  const log = $("chat-log"), own = from === null, at = new Date();
  const near = own || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  const item = el("li", { className: own ? "own" : "" });
  if (last !== from || at - lastAt > BLOCK_MS) {
    const time = at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    item.append(el("h3", {}, nick, " ", el("time", {}, time)));
  }
  item.append(el("p", {}, ...linked(text)));
  log.append(item);
  if (log.childElementCount > LINES) log.firstChild.remove();
  [last, lastAt] = [from, at];
  if (near) log.scrollTop = 1e9;
  if (!own && $("chat").hidden) unread += 1;
  labelChat();
}

function labelChat() {
  label($("chat-button"), say("chat") + (unread ? say("unread", { n: unread }) : ""));
  $("unread").hidden = !unread;
  $("unread").textContent = unread > 99 ? "99+" : unread;
}

/** The text, its addresses as links. */
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
