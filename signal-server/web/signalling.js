// The connection to the server: numbered messages, coming back after a cut. See PROTOCOL.md.

const KEPT = 512; // messages to be sent again, as the server has; full: the session ends at the next cut
const OPEN_MS = 8_000; // until the session stands
const FIRST_MS = 250, LONGEST_MS = 3_500; // all are back within five seconds
const MOVING = 4100; // any code but 1000 and 1001, which give up our place
const FINAL = { 4001: "unsupported_version", 4003: "dropped", 4004: "replaced" }; // codes after which coming back is pointless

// Our `id`; what the server can do. `session(resumed, restored)`, `message(message)`, `lost(attempt)`, `end(code)`: who hears of it.
export const server = { id: "me", features: [], connect, send, close };

let socket, up, done, timer, attempt = 0, token, ticket, sent = [], seq = 0, received = 0;

function connect() {
	drop();
	if (done) return;
	const mine = socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`, "hearth.v1");
	timer = setTimeout(lose, OPEN_MS);
	mine.onmessage = ({ data }) => mine === socket && hear(parse(data));
	mine.onclose = ({ code }) => mine === socket && (FINAL[code] ? server.end(FINAL[code]) : lose());
}

function send(message) {
	const text = JSON.stringify({ seq: ++seq, ...message });
	sent.push({ seq, text });
	if (sent.length > KEPT) sent.shift();
	if (up) socket.send(text);
}

function close() {
	done = true;
	connect();
}

// Gives up the connection that there is: for good, or for another one, which the server is to wait for.
function drop() {
	clearTimeout(timer);
	const old = socket;
	socket = up = null;
	old?.close(done ? 1000 : MOVING);
}

// Tries again, later each time.
function lose() {
	drop();
	timer = setTimeout(connect, Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt++) * (0.75 + Math.random() / 2));
	server.lost(attempt);
}

function hear(message) {
	const { type, seq: number } = message;
	if (number === undefined) ({ __proto__: null, welcome, session, error: ({ code }) => server.end(code) })[type]?.(message);
	else if (number > received + 1) lose(); // resume says what is missing
	else if (number > received) { // else it was sent again, but had arrived
		received = number;
		if (type === "ticket") ticket = message.ticket;
		else server.message(message);
	}
}

function welcome({ v, features = [] }) {
	if (!v?.includes(1)) return server.end("unsupported_version");
	server.features = features;
	const resume = token && { token, last_seq: received, ticket };
	socket.send(JSON.stringify({ type: "hello", v: [1], client: "hearth-web/0.1.0", kind: "web", resume }));
}

function session({ peer_id, resume_token, resumed, last_seq }) {
	clearTimeout(timer);
	[token, attempt, up] = [resume_token, 0, true];
	sent = sent.filter((kept) => resumed && kept.seq > last_seq);
	if (!resumed) seq = received = 0;
	for (const { text } of sent) socket.send(text);
	const restored = peer_id === server.id; // by the ticket: the server was restarted, and our place is the old one
	server.id = peer_id;
	server.session(resumed, restored);
}

export function parse(text) {
	try {
		return Object(JSON.parse(text));
	} catch {
		return {};
	}
}

addEventListener("online", connect); // the network is back, or another one
