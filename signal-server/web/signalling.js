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

const open = () => new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws`, "hearth.v1");

/** The object in a text; an empty one for anything else. */
export function parse(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** What the server can do beyond the version, asked without a session; null when it is not to be reached. */
export const askFeatures = () => new Promise((done) => {
  const socket = open();
  socket.onmessage = ({ data }) => {
    done(parse(data).features ?? []);
    socket.close();
  };
  socket.onclose = () => done(null);
});

/** `on.session(resumed)`, `on.message(message)`, `on.lost(attempt)` and `on.end(code)`, each called in order. */
export function signalling(on) {
  let socket = null, up = false, done = false, waiting = 0, watch = 0, attempt = 0;
  let token = null, sent = [], sequence = 0, received = 0;
  const self = { limits: {}, features: [], send, close };

  /** Sends within the session, now or after coming back. */
  function send(message) {
    const at = performance.now(), seq = ++sequence;
    const text = JSON.stringify({ seq, ...message });
    sent.push({ seq, text, at });
    while (sent.length > KEPT || (up && at - sent[0].at > KEPT_MS)) sent.shift();
    if (up) socket.send(text);
  }

  function close() {
    done = true;
    clearTimeout(waiting);
    drop();
  }

  function connect() {
    if (done) return;
    const mine = socket = open();
    watch = setTimeout(lose, OPEN_WITHIN_MS);
    mine.onmessage = ({ data }) => { if (mine === socket) hear(parse(data)); };
    mine.onclose = ({ code }) => {
      if (mine !== socket) return;
      if (FINAL[code]) end(FINAL[code]);
      else lose();
    };
  }

  function drop() {
    clearTimeout(watch);
    const old = socket;
    socket = null;
    up = false;
    old?.close(1000);
  }

  /** Gives a connection up and tries again, later each time. */
  function lose() {
    drop();
    on.lost(++attempt);
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
    if (!done) waiting = setTimeout(connect, wait);
  }

  function end(code) {
    close();
    on.end(code);
  }

  function hear(message) {
    if (message.seq !== undefined) {
      if (message.seq <= received) return; // sent again, but it had arrived
      if (message.seq > received + 1) return lose(); // resume says what is missing
      received = message.seq;
      return on.message(message);
    }
    switch (message.type) {
      case "welcome": return greet(message);
      case "session": return begin(message);
      case "error": return end(message.code);
    }
  }

  function greet({ v, limits = {}, features = [] }) {
    if (!v?.includes(VERSION)) return end("unsupported_version");
    Object.assign(self, { limits, features });
    const resume = token ? { token, last_seq: received } : undefined;
    socket.send(JSON.stringify({ type: "hello", v: [VERSION], client: CLIENT, kind: "web", resume }));
  }

  function begin({ resume_token, resumed, last_seq }) {
    clearTimeout(watch);
    token = resume_token;
    attempt = 0;
    up = true;
    if (resumed) {
      sent = sent.filter(({ seq }) => seq > last_seq);
      for (const { text } of sent) socket.send(text);
    } else {
      sent = [];
      sequence = received = 0;
    }
    on.session(resumed);
  }

  // The network is back, or another one: what we have may be dead without knowing it.
  addEventListener("online", () => {
    if (done) return;
    clearTimeout(waiting);
    drop();
    connect();
  });
  connect();
  return self;
}
