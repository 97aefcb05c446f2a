// The connection to the server: numbered messages, coming back after a cut. Media goes on without it. PROTOCOL.md has the wire.

const KEPT = 512; // messages kept to be sent again, as the server's queue; full: the session is given up at the next cut
const KEPT_MS = 60_000; // the server finds a dead connection sooner
const OPEN_MS = 8_000; // until the session stands
const FIRST_MS = 250, LONGEST_MS = 3_500; // whoever waits for the server is back within five seconds
// Close codes after which coming back is pointless.
const FINAL = { 4001: "unsupported_version", 4003: "dropped", 4004: "replaced" };

const open = () => new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws`, "hearth.v1");

export function parse(text) {
	try {
		return Object(JSON.parse(text));
	} catch {
		return {};
	}
}

// What the server can do, asked without a session; null when it is not to be reached.
export const askFeatures = () => new Promise((done) => {
	const socket = open();
	socket.onmessage = ({ data }) => {
		done(parse(data).features ?? []);
		socket.close();
	};
	socket.onclose = () => done(null);
});

// `on.session(resumed, restored)`, `on.message(message)`, `on.lost(attempt)` and `on.end(code)`, each called in order.
export function signalling(on) {
	let socket, up, done, waiting, watch, attempt = 0, id, token, ticket, sent = [], seq = 0, received = 0;

	function connect() {
		const mine = socket = open();
		watch = setTimeout(lose, OPEN_MS);
		mine.onmessage = ({ data }) => mine === socket && hear(parse(data));
		mine.onclose = ({ code }) => mine === socket && (FINAL[code] ? end(FINAL[code]) : lose());
	}

	function drop() {
		clearTimeout(watch);
		const old = socket;
		socket = up = null;
		old?.close(1000);
	}

	// Gives a connection up and tries again, later each time.
	function lose() {
		drop();
		on.lost(++attempt);
		if (!done) waiting = setTimeout(connect, Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2));
	}

	function end(code) {
		self.close();
		on.end(code);
	}

	function hear(message) {
		if (message.seq === undefined) return { welcome, session, error: ({ code }) => end(code) }[message.type]?.(message);
		if (message.seq <= received) return; // sent again, but it had arrived
		if (message.seq > received + 1) return lose(); // resume says what is missing
		received = message.seq;
		if (message.type === "ticket") ticket = message.ticket;
		else on.message(message);
	}

	function welcome({ v, limits = {}, features = [] }) {
		if (!v?.includes(1)) return end("unsupported_version");
		Object.assign(self, { limits, features });
		const resume = token && { token, last_seq: received, ticket };
		socket.send(JSON.stringify({ type: "hello", v: [1], client: "hearth-web/0.1.0", kind: "web", resume }));
	}

	function session({ peer_id, resume_token, resumed, last_seq }) {
		clearTimeout(watch);
		[token, attempt, up] = [resume_token, 0, true];
		sent = resumed ? sent.filter((kept) => kept.seq > last_seq) : [];
		if (!resumed) seq = received = 0;
		for (const { text } of sent) socket.send(text);
		const restored = peer_id === id; // by the ticket: the server was restarted, and our place is the old one
		id = peer_id;
		on.session(resumed, restored);
	}

	const self = {
		limits: {}, features: [],
		send(message) {
			const at = performance.now(), text = JSON.stringify({ seq: ++seq, ...message });
			sent.push({ seq, text, at });
			while (sent.length > KEPT || (up && at - sent[0].at > KEPT_MS)) sent.shift();
			if (up) socket.send(text);
		},
		close() {
			done = true;
			clearTimeout(waiting);
			drop();
		},
	};
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
