// The call, from the request to come in until its end.

import { chat } from "./chat.js";
import { devices, levelOf } from "./devices.js";
import { $, changed } from "./dom.js";
import { drawSecret, dropSecret, keepSecret, secretOf } from "./link.js";
import { Peer, ways } from "./peer.js";
import { server } from "./signalling.js";
import { Tile } from "./tiles.js";
import { say } from "./words.js";

const REJOIN_S = 10; // until a lost room is asked for again, which counts as a guess
const MENTION_MS = 8_000, LOOK_MS = 3_000; // something is mentioned; connections are looked at
const UNLISTED = 6; // looks at somebody unheard, whom a restarted server does not name
const SPEECH = 0.02, TALK = 4; // loudness of a voice; looks (five a second) at talk that is not sent

const peers = new Map(), lobby = new Map(); // id -> Peer; id -> {id, nick}, where we are the host

export const call = {
	screen: "door", // then "wait" for the host, "call", "gone"
	place: "", // what the server has us in: "room", "lobby", or nothing
	room: "", state: {}, peers, lobby,
	busy: false, code: "", fault: "", // asking to come in; why that, or the call, has ended
	trouble: "", notice: "", // the server's, as long as it holds; a sentence that is mentioned
};

export const me = {
	id: "", nick: "", role: "guest", hand: false, tile: null,
	get name() { return me.nick ? say("me", { name: me.nick }) : say("you"); },
	get media() { return devices.sends; },
	get video() { return devices.track("video"); },
	get mirrored() { return !devices.screen && devices.facing === "user"; },
};

// What we ask for, the secret of a room that we make, whether a restarted server has our place.
let wish = null, secret, returning, retry, mentioned, requests = 1, talk = 0;

export function enter(asked, newSecret) {
	[wish, secret] = [asked, newSecret];
	Object.assign(call, { busy: true, fault: "", room: wish.room });
	ask();
	changed();
}

export function knock(password) {
	wish.password = password;
	call.fault = "";
	ask();
}

const ask = () => server.send({ id: 1, nick: me.nick, media: devices.sends, invite: secretOf(wish.room), ...wish });
const update = () => call.place && server.send({ type: "update", media: devices.sends });
export const order = (type, more) => server.send({ type, id: ++requests, ...more });

// Who was removed does not come back by a link that is changed; those who stay hear the new one.
export async function renew() {
	const [invite] = await drawSecret();
	order("renew_invite", { invite });
}

const announce = (word, name) => { $("live").textContent = say(word, { name }); };

function mention(sentence) {
	clearTimeout(mentioned);
	call.notice = sentence;
	if (sentence) mentioned = setTimeout(mention, MENTION_MS, "");
	changed();
}

// Ends it: back to the door, which says why; or the call is `over`, and so is this page.
export function end(code, over, values) {
	if (call.screen === "gone") return;
	clearTimeout(retry);
	delete sessionStorage.room;
	depart();
	me.tile?.remove();
	lobby.clear();
	wish = null;
	Object.assign(call, { screen: over ? "gone" : "door", busy: false, trouble: "", code, fault: code && say(code, { code, ...values }) });
	if (over) {
		devices.stop();
		server.close();
	}
	changed();
}

function putOut(code, over = true, values) {
	call.place = "";
	end(code, over, values);
}

export function depart() {
	for (const id of peers.keys()) part(id, true);
	if (call.place) server.send({ type: "leave" });
	call.place = "";
}

Object.assign(server, {
	session(resumed, restored) {
		clearTimeout(retry);
		if (resumed || call.screen !== "call") call.trouble = "";
		returning = restored && !resumed && call.place === "room"; // `joined` follows
		changed();
		if (resumed || returning) return;
		call.place = "";
		lobby.clear();
		if (wish) ask();
	},
	lost(attempt) {
		if (call.screen === "call") call.trouble = "server_lost";
		else if (attempt > 1) call.trouble = "server_unreachable";
		changed();
	},
	end(code) {
		server.close();
		putOut(code, call.screen === "call");
	},
	message(message) {
		hear[message.type]?.(message, peers.get(message.id ?? message.peer?.id ?? message.from));
		changed();
	},
});

const hear = {
	__proto__: null,
	joined(joined) {
		const { room, ice_servers: ice = [] } = joined;
		if (secret) keepSecret(room, secret);
		else if (wish.type === "create") dropSecret(room); // it was another room's
		[wish, secret] = [{ ...wish, type: "join", room }];
		sessionStorage.room = room;
		for (const [id, peer] of peers) {
			if (returning) [peer.unlisted, peer.entry.away] = [1, true]; // the media needs no server
			else part(id); // after a new start everybody is met again
		}
		ways.iceServers = ice;
		lobby.clear();
		Object.assign(call, { screen: "call", place: "room", room, busy: false, trouble: "" });
		me.tile ??= Tile(true);
		update(); // it may have changed since we asked
		mention(devices.faultOf(true));
		hear.room_state(joined);
		joined.peers.forEach(welcome);
	},
	waiting({ has_password }) {
		Object.assign(call, { place: "lobby", has_password });
		if (call.screen === "call") call.trouble = "waiting"; // the server forgot us; the media goes on
		else call.screen = "wait";
	},
	error({ id, code, retry_after: wait = 0, capacity: n }) {
		const sentence = say(code, { code, n, s: wait }), inCall = call.screen === "call";
		if (id !== 1 || call.place === "room") {
			if (code === "full") mention(sentence); // nobody can be let in
		} else if (call.place && code !== "denied") [call.fault, wish.password] = [sentence];
		else if (code === "rate_limited" || (inCall && code === "no_such_room")) {
			// In a call: the server is new, the room not yet back; the media goes on.
			if (inCall) call.trouble = "server_lost";
			else call.fault = sentence;
			retry = setTimeout(ask, 1000 * Math.max(inCall && REJOIN_S, wait));
		} else {
			if (code === "bad_invite") dropSecret(wish.room); // or the number could never knock
			const asked = code === "bad_password" && !wish.password;
			putOut(code, inCall, { n });
			if (asked) call.fault = say("asked");
		}
	},
	peer_joined({ peer }, known) {
		if (!known) announce("came", peer.nick || say("guest"));
		welcome(peer);
	},
	peer_updated: ({ peer }, known) => known?.update(peer),
	peer_away: (_, peer) => peer?.update({ away: true }),
	peer_left: ({ id }) => went(id),
	signal: (signal, peer) => peer?.hear(signal),
	ice_refresh({ ice_servers }) {
		ways.iceServers = ice_servers;
		for (const peer of peers.values()) peer.configure();
	},
	room_state({ role, room_state: state }) {
		if (role === "host" && me.role !== role) announce("you_host");
		me.role = role;
		call.state = state;
	},
	lobby_request: ({ peer }) => lobby.set(peer.id, peer),
	lobby_left: ({ id }) => lobby.delete(id),
	muted() {
		devices.set("audio", false, true);
		mention(say("silenced", { name: [...peers.values()].find(({ role }) => role === "host")?.entry.nick || say("the_host") }));
	},
	invite_renewed({ invite }) {
		keepSecret(call.room, invite);
		mention(say("renewed"));
	},
	kicked: () => putOut("kicked"),
	room_ended: () => putOut("ended"),
	server_draining() { if (call.screen === "call") call.trouble = "server_draining"; },
};

// Who was here before the server was restarted is not met again.
function welcome(entry) {
	const { id } = entry, known = peers.get(id);
	if (known?.unlisted) {
		known.unlisted = 0;
		return known.update(entry);
	}
	part(id);
	const peer = Peer(entry, { hand: () => me.hand, raised: () => announce("raises", peer.name), bye: () => went(id) });
	peer.tile = Tile();
	peers.set(id, peer);
}

function went(id) {
	if (peers.has(id)) announce("went", peers.get(id).name);
	part(id);
}

function part(id, bye) {
	const peer = peers.get(id);
	peers.delete(id);
	peer?.close(bye);
	peer?.tile.remove();
	peer?.screenTile?.remove();
}

export function drawTiles() {
	me.tile?.draw(me);
	for (const peer of peers.values()) {
		const video = peer.screen?.video ?? peer.shared;
		peer.tile.draw(peer);
		if (video) peer.screenTile ??= Tile();
		else peer.screenTile = peer.screenTile?.remove();
		peer.screenTile?.draw({ id: "", name: peer.name, video, media: { audio: true, video: true, screen: true } });
	}
}

export function mediaChanged() {
	update();
	for (const peer of peers.values()) peer.mediaChanged();
	if (me.tile) mention(devices.faultOf(true));
}

export function speak(text) {
	const said = chat.say(text);
	if (said) for (const peer of peers.values()) peer.say(said);
}

export function raise() {
	me.hand = !me.hand;
	for (const peer of peers.values()) peer.sayHand();
	changed();
}

// What is seen of each, once all have their places.
export function tellSeen() {
	for (const { tile, watch } of peers.values()) watch(tile.lines);
}

// Rings round those who speak; `level` is how loud we are.
export function tick(level) {
	const sent = devices.isOn("audio");
	for (const { tile, media, audio, main } of peers.values()) {
		const receiver = main.pc?.getReceivers().find(({ track }) => track === audio);
		tile.speaking(media.audio && levelOf(audio, receiver) > SPEECH);
	}
	me.tile?.speaking(sent && level > SPEECH);
	talk = sent ? 0 : talk + (level > 2 * SPEECH);
	if (talk === TALK && me.tile && !call.notice) mention(say("muted_talking"));
}

setInterval(() => peers.forEach(async (peer, id) => {
	if (peer.unlisted) peer.unlisted = peer.main.state === "connected" ? 1 : peer.unlisted + 1;
	if (peer.unlisted > UNLISTED) return went(id);
	await peer.look();
	changed();
}), LOOK_MS);
