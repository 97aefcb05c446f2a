// What is said in the room: our own words, numbered, and everybody's lines. Words go over each peer's data channel; the
// server sees nothing of them. A channel that comes back says how far it had heard, and what is missing is said again.

/** Longest message, letters; what is longer is cut. */
const LETTERS = 4000;
/** Our own messages that can be said again. Cap 200; full: the oldest goes, and who was away misses it. */
const SAID = 200;
/** Lines that are shown. Cap 1000; full: the oldest goes. */
export const LINES = 1000;
/** Messages of one peer at once (all of its own, said again), and a second for ever. What is beyond is dropped. */
const BURST = 250;
const PER_SECOND = 4;

const cut = (text) => [...text.trim().slice(0, 2 * LETTERS)].slice(0, LETTERS).join("");

/** What was said in the room. */
export class Chat {
  /** {from: an id, or null for us; nick; text; at: a Date}, the oldest first. */
  lines = [];
  #said = [];
  #last = 0;
  #added;

  /** `added(line)` is called with each new line. */
  constructor(added) {
    this.#added = added;
  }

  /** The number of our newest message; 0 before the first. */
  get last() { return this.#last; }

  /** We say something: {n, text} to be sent, or null when nothing is left of it. */
  say(text) {
    const said = { n: this.#last + 1, text: cut(text) };
    if (!said.text) return null;
    this.#last = said.n;
    this.#said.push(said);
    if (this.#said.length > SAID) this.#said.shift();
    this.#add(null, "", said.text);
    return said;
  }

  /** Somebody said something. */
  hear(from, nick, text) {
    if (cut(text)) this.#add(from, nick, cut(text));
  }

  /** Our messages after number `n`. */
  after(n) {
    return this.#said.filter((said) => said.n > n);
  }

  #add(from, nick, text) {
    const line = { from, nick, text, at: new Date() };
    this.lines.push(line);
    if (this.lines.length > LINES) this.lines.shift();
    this.#added(line);
  }
}

/** How far we and one other have heard each other. */
export class Hearing {
  #heard = 0; #since; #mayAsk = false; #tokens = BURST; #filled = performance.now();

  /** They came when `since` was our newest message: what was said before is not for them. */
  constructor(since) {
    this.#since = since;
  }

  /** A channel is open: the highest number of theirs that we have heard. */
  open() {
    this.#mayAsk = true;
    return this.#heard;
  }

  /** They have heard ours up to `n`: the number after which to say again, or null when they asked already. */
  seen(n) {
    if (!this.#mayAsk) return null;
    this.#mayAsk = false;
    return Math.max(n, this.#since);
  }

  /** Whether their message `n` is new, and not one too many. */
  take(n) {
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filled) / 1000) * PER_SECOND);
    this.#filled = now;
    if (n <= this.#heard || this.#tokens < 1) return false;
    this.#tokens -= 1;
    this.#heard = n;
    return true;
  }
}
