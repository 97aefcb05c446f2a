// The connection to the server: numbered messages, coming back after a cut. It knows nothing of media, which goes on
// while the server is away. The wire is described in PROTOCOL.md.

const VERSION = 1;
const CLIENT = "hearth-web/0.1.0";
/** Messages kept to be sent again. Cap 512, as the server's own queue; full: the session is given up at the next cut. */
const KEPT = 512;
/** How long a message is kept: the server finds a dead connection sooner. */
const KEPT_MS = 60_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** How long a connection may take until the session stands. */
const OPEN_WITHIN_MS = 8_000;
/** Close codes after which coming back is pointless. */
const FINAL = { 4001: "unsupported_version", 4003: "dropped", 4004: "replaced" };

export class Signalling {
  /** What the server takes, once it has said so. */
  limits = {};
  #url; #on; #socket = null; #up = false; #done = false; #waiting = 0; #attempt = 0; #watch = 0;
  #token = null; #sent = []; #sequence = 0; #received = 0;

  /**
   * `on.session({resumed, peerId})`, `on.message(message)`, `on.lost(attempt)` and `on.end(code)`, each called in order.
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    addEventListener("online", () => this.#hurry());
    this.#open();
  }

  /** Sends within the session, now or after coming back. */
  send(message) {
    const now = performance.now();
    const numbered = { seq: ++this.#sequence, text: "", at: now };
    numbered.text = JSON.stringify({ seq: numbered.seq, ...message });
    this.#sent.push(numbered);
    while (this.#sent.length > KEPT || (this.#up && now - this.#sent[0].at > KEPT_MS)) this.#sent.shift();
    if (this.#up) this.#socket.send(numbered.text);
  }

  close() {
    this.#done = true;
    clearTimeout(this.#waiting);
    clearTimeout(this.#watch);
    this.#socket?.close(1000);
  }

  #open() {
    if (this.#done) return;
    const socket = new WebSocket(this.#url, "hearth.v1");
    this.#socket = socket;
    this.#watch = setTimeout(() => this.#lose(socket), OPEN_WITHIN_MS);
    socket.onmessage = (event) => { if (socket === this.#socket) this.#hear(event.data); };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      if (FINAL[event.code]) this.#end(FINAL[event.code]);
      else this.#lose(socket);
    };
  }

  /** Gives a connection up and tries again, later each time. */
  #lose(socket) {
    if (this.#done || socket !== this.#socket) return;
    this.#socket = null;
    this.#up = false;
    clearTimeout(this.#watch);
    socket.close();
    this.#attempt += 1;
    this.#on.lost(this.#attempt);
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#attempt - 1)) * (0.75 + Math.random() / 2);
    this.#waiting = setTimeout(() => this.#open(), wait);
  }

  /** The network is back, or another one: what we have may be dead without knowing it. */
  #hurry() {
    if (this.#done) return;
    clearTimeout(this.#waiting);
    if (this.#socket) {
      clearTimeout(this.#watch);
      const old = this.#socket;
      this.#socket = null;
      this.#up = false;
      old.close();
    }
    this.#open();
  }

  #end(code) {
    this.close();
    this.#on.end(code);
  }

  #hear(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message.seq !== undefined) {
      if (message.seq <= this.#received) return; // sent again, but it had arrived
      if (message.seq > this.#received + 1) return this.#lose(this.#socket); // resume says what is missing
      this.#received = message.seq;
      return this.#on.message(message);
    }
    switch (message.type) {
      case "welcome": return this.#greet(message);
      case "session": return this.#begin(message);
      case "error": return this.#end(message.code);
    }
  }

  #greet(welcome) {
    if (!welcome.v?.includes(VERSION)) return this.#end("unsupported_version");
    this.limits = welcome.limits ?? {};
    const resume = this.#token ? { token: this.#token, last_seq: this.#received } : undefined;
    this.#socket.send(JSON.stringify({ type: "hello", v: [VERSION], client: CLIENT, kind: "web", resume }));
  }

  #begin(session) {
    clearTimeout(this.#watch);
    this.#token = session.resume_token;
    this.#attempt = 0;
    this.#up = true;
    if (session.resumed) {
      this.#sent = this.#sent.filter((kept) => kept.seq > session.last_seq);
      for (const kept of this.#sent) this.#socket.send(kept.text);
    } else {
      this.#sent = [];
      this.#sequence = 0;
      this.#received = 0;
    }
    this.#on.session({ resumed: session.resumed, peerId: session.peer_id });
  }
}
