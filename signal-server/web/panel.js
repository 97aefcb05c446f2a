// The chat panel: what was said, what is being written, and how much of it is unread.

import { LINES } from "./chat.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
/** Lines of one person within this are one block. */
const BLOCK_MS = 120_000;
/** From the bottom of the log, in pixels: who is farther up is reading, and is not moved. */
const NEAR = 80;
/** Addresses in a text; what ends a sentence is not a part of them. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}，。；：！？）】》]/gi;

export class ChatPanel {
  #send; #unread = 0; #last = null;

  constructor(send) {
    this.#send = send;
    $("chat-button").addEventListener("click", () => this.toggle());
    $("chat-close").addEventListener("click", () => this.close());
    $("chat-form").addEventListener("submit", (event) => this.#submit(event));
    $("chat-text").addEventListener("input", () => this.#fit());
    $("chat-text").addEventListener("keydown", (event) => {
      // Enter that ends the choice of a Chinese word is no Enter.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
    });
    this.#label();
  }

  get isOpen() { return !$("chat").hidden; }

  toggle() {
    if (this.isOpen) return this.close();
    $("chat").hidden = false;
    this.#unread = 0;
    this.#label();
    $("chat-log").scrollTop = $("chat-log").scrollHeight;
    $("chat-text").focus();
  }

  close() {
    if (!this.isOpen) return;
    const hadFocus = $("chat").contains(document.activeElement);
    $("chat").hidden = true;
    this.#label();
    if (hadFocus) $("chat-button").focus();
  }

  /** Another call begins. */
  clear() {
    $("chat-log").replaceChildren();
    $("chat-empty").hidden = false;
    this.#unread = 0;
    this.#last = null;
    this.close();
    this.#label();
  }

  /** A line was said: {from, nick, text, at}. */
  add(line) {
    const log = $("chat-log");
    const near = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    const item = document.createElement("li");
    item.classList.toggle("own", line.from === null);
    const last = this.#last;
    if (!last || last.from !== line.from || line.at - last.at > BLOCK_MS) item.append(heading(line));
    const words = document.createElement("p");
    words.append(...linked(line.text));
    item.append(words);
    log.append(item);
    if (log.childElementCount > LINES) log.firstElementChild.remove();
    $("chat-empty").hidden = true;
    this.#last = line;
    if (near || line.from === null) log.scrollTop = log.scrollHeight;
    if (line.from !== null && !this.isOpen) this.#unread += 1;
    this.#label();
  }

  #submit(event) {
    event.preventDefault();
    const text = $("chat-text").value;
    if (!text.trim()) return;
    this.#send(text);
    $("chat-text").value = "";
    this.#fit();
  }

  /** The field grows with its text. */
  #fit() {
    const field = $("chat-text");
    field.style.height = "auto";
    field.style.height = `${Math.min(140, field.scrollHeight + 2)}px`;
  }

  #label() {
    const button = $("chat-button");
    const text = this.#unread ? say("chat_unread", { n: this.#unread }) : say("chat_key");
    button.setAttribute("aria-expanded", String(this.isOpen));
    button.setAttribute("aria-label", text);
    button.title = text;
    $("unread").hidden = this.#unread === 0;
    $("unread").textContent = this.#unread > 99 ? "99+" : String(this.#unread);
    for (const [id, word] of [["chat-close", "close"], ["chat-send", "send"]]) {
      $(id).setAttribute("aria-label", say(word));
      $(id).title = say(word);
    }
    $("chat-text").setAttribute("aria-label", say("chat_write"));
    $("chat-text").placeholder = say("chat_write");
  }
}

function heading({ from, nick, at }) {
  const heading = document.createElement("h3");
  const time = document.createElement("time");
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  heading.append(from === null ? say("you") : nick, " ", time);
  return heading;
}

/** The text, its addresses as links. What others write is never markup. */
function linked(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const url = parse(found[0]);
    if (!url) continue;
    const anchor = document.createElement("a");
    Object.assign(anchor, { href: url.href, textContent: found[0], target: "_blank", rel: "noopener noreferrer" });
    parts.push(text.slice(at, found.index), anchor);
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

/** None for what only looks like an address. */
function parse(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}
