// A call, from the request to come in until its end. Owns who is in the room, and who waits at its door.

import { Chat } from "./chat.js";
import { write } from "./dom.js";
import { SPEECH, keepMeters, levelOf } from "./levels.js";
import { forgetIn, keepSecret, rememberIn, secretOf } from "./link.js";
import { Peer } from "./peer.js";
import { drawLobby, drawPeople } from "./people.js";
import { look } from "./quality.js";
import { signalling } from "./signalling.js";
import { Tile } from "./tiles.js";
import { knows, say } from "./words.js";

const REJOIN_MS = 10_000; // a lost room is asked for again: each try spends some of what the server grants to guesses
const MENTION_MS = 8_000; // something is mentioned
const LOOK_MS = 3_000; // connections are looked at
const UNLISTED = 6; // looks at somebody unheard, whom a restarted server does not name, until they are gone
const CHANGES = 3; // losses of the server after which we stop calling it a change of network
const LOBBY = 64; // people at the door that are shown; full: the newest is not shown, and knocks again
const TALK = 4; // looks (five a second) at talk that is not sent, until we say so

// `create`: {secret, hash} where the room is to be made; without a secret it is open. `on.entered()`, `on.waiting()`,
// `on.fault(sentence)`, `on.blocked()` (sound wants a click), and once `on.end(code, sentence, over)`: refused, or `over`
// after it had begun.
export function Call({ room, nick, password, create, devices, relayOnly }, on) {
	// Id -> {peer, tile, screen: another tile}; id -> {id, nick, kind} of who waits, where we are the host.
	const peers = new Map(), lobby = new Map(), chat = new Chat();
	const self = { room, nick, peers, lobby, chat, role: "guest", state: {}, inRoom: false, waiting: false, hand: false };
	let requests = 1, ice = [], own = null, over = false, returning, retry, trouble = null, mentioned, talk = 0;

	const server = self.server = signalling({
		session(resumed, restored) {
			if (resumed) setTrouble(null);
			on.fault("");
			clearTimeout(retry);
			returning = restored && self.inRoom && !resumed; // `joined` follows
			if (resumed || returning) return;
			self.inRoom = self.waiting = false;
			changeLobby(() => lobby.clear());
			ask();
		},
		message: (message) => hear[message.type]?.(message, peers.get(message.id ?? message.peer?.id ?? message.from)),
		lost(attempt) {
			if (own) setTrouble(attempt < CHANGES ? "network_changed" : "server_lost");
			else if (attempt > 1) on.fault(say("server_unreachable"));
		},
		end: (code) => finish(code, sentenceOf(code)),
	});
	const looking = setInterval(async () => {
		for (const [id, person] of peers) {
			const { peer } = person;
			// The server does not name them, and nothing comes from them any more.
			if (person.unlisted) person.unlisted = peer.main.state === "connected" ? 1 : person.unlisted + 1;
			if (person.unlisted > UNLISTED) went(id);
			peer.quality = await look(peer.main.pc, peer.quality);
			draw(id);
		}
	}, LOOK_MS);

	const sentenceOf = (code, values) => (knows(code) ? say(code, values) : say("refused", { code }));
	const update = () => server.send({ type: "update", media: devices.sends });
	const announce = (word, name) => write("live", say(word, { name: name || say("guest") }));

	function ask() {
		const wish = create ? { type: "create", invite_hash: create.hash } : { type: "join", invite: secretOf(self.room), password };
		server.send({ id: 1, room: self.room, nick, media: devices.sends, ...wish });
	}

	// Shows the sentence on the banner for a while: the server's trouble, as long as it holds, goes first.
	function mention(sentence) {
		clearTimeout(mentioned);
		write("banner", trouble ? say(trouble) : sentence);
		if (sentence) mentioned = setTimeout(mention, MENTION_MS, "");
	}

	function setTrouble(word) {
		trouble = word;
		mention("");
	}

	const changeLobby = (change) => {
		change();
		drawLobby(lobby);
	};

	const hear = {
		joined(joined) {
			if (create?.secret) keepSecret(joined.room, create.secret);
			create = null;
			self.room = joined.room;
			rememberIn(self.room);
			for (const [id, person] of peers) {
				if (returning) [person.unlisted, person.peer.entry.away] = [1, true]; // the media needs no server
				else part(id); // after a new start everybody is met anew
			}
			returning = false;
			ice = joined.ice_servers ?? [];
			self.inRoom = true;
			self.waiting = false;
			changeLobby(() => lobby.clear());
			clearTimeout(retry);
			update(); // it may have changed since we asked
			trouble = null;
			mention(devices.fault);
			on.entered();
			own ??= new Tile(true);
			hear.room_state(joined);
			for (const peer of joined.peers) welcome(peer);
		},
		waiting() {
			self.waiting = true;
			if (own) setTrouble("waiting"); // the server forgot us; the media goes on meanwhile
			else on.waiting();
		},
		error: ({ id, code, message, retry_after: wait = 0, capacity: n = server.limits.room_peers }) => {
			const sentence = sentenceOf(code, { n });
			if (id === undefined || self.inRoom) {
				if (code === "full") mention(sentence); // nobody can be let in
				console.warn("server", code, message);
			} else if (own && ["no_such_room", "rate_limited"].includes(code)) {
				// The server was started anew and the room is not back yet. The media goes on: ask again.
				setTrouble("server_lost");
				retry = setTimeout(ask, Math.max(REJOIN_MS, wait * 1000));
			} else if (code === "rate_limited") countDown(wait);
			else {
				self.waiting = false;
				finish(code, sentence);
			}
		},
		peer_joined({ peer }) {
			if (!peers.has(peer.id)) announce("came", peer.nick);
			welcome(peer);
		},
		peer_updated({ peer }, person) {
			person?.peer.update(peer);
			draw(peer.id);
		},
		peer_away({ id }, person) {
			person?.peer.update({ ...person.peer.entry, away: true });
			draw(id);
		},
		peer_left: ({ id }) => went(id),
		signal: (signal, person) => person?.peer.hear(signal),
		ice_refresh({ ice_servers }) {
			ice = ice_servers;
			for (const { peer } of peers.values()) peer.configure();
		},
		room_state({ role = "guest", room_state: state = {} }) {
			if (role === "host" && self.role !== role) announce("you_host");
			Object.assign(self, { role, state });
			drawOwn();
		},
		lobby_request: ({ peer }) => changeLobby(() => lobby.size < LOBBY && lobby.set(peer.id, peer)),
		lobby_left: ({ id }) => changeLobby(() => lobby.delete(id)),
		muted() {
			devices.mute();
			mention(say("silenced"));
		},
		kicked: () => finish("kicked", say("kicked"), true),
		room_ended: () => finish("ended", say("ended"), true),
		server_draining: () => own && setTrouble("server_draining"),
	};

	function countDown(s) {
		on.fault(s > 0 ? say("rate_limited", { s }) : "");
		if (s > 0) retry = setTimeout(countDown, 1000, s - 1);
		else ask();
	}

	// The end that was not ours. `ended`: the room is, for us, and there is no door to stand at.
	function finish(code, sentence, ended = Boolean(own)) {
		if (over) return;
		over = true;
		forgetIn(self.room);
		if (code === "kicked" || code === "ended") self.inRoom = self.waiting = false; // there is nothing to leave
		self.close();
		on.end(code, sentence, ended);
	}

	// Who was here before the server was restarted is not met anew.
	function welcome(entry) {
		const person = peers.get(entry.id);
		if (!person?.unlisted) return meet(entry);
		person.unlisted = 0;
		person.peer.update(entry);
		draw(entry.id);
	}

	function meet(entry) {
		const { id } = entry;
		part(id);
		const person = { tile: new Tile(false, on.blocked) };
		peers.set(id, person);
		const mine = (act) => (...values) => { if (peers.get(id) === person) act(...values); };
		person.peer = Peer(entry, {
			chat,
			signal: (signal) => server.send({ type: "signal", ...signal }),
			sends: () => devices.sends,
			track: (kind) => devices.track(kind),
			hand: () => self.hand,
			configuration: () => ({ bundlePolicy: "max-bundle", iceServers: ice, iceTransportPolicy: relayOnly ? "relay" : "all" }),
			changed: mine(() => draw(id)),
			raised: mine(() => announce("raised", person.peer.entry.nick)),
			bye: mine(() => went(id)),
			heard: mine((text) => chat.hear(id, person.peer.entry.nick || say("guest"), text)),
		});
		draw(id);
	}

	function went(id) {
		const nick = peers.get(id)?.peer.entry.nick;
		if (nick !== undefined) announce("went", nick);
		part(id);
	}

	function part(id, bye) {
		const person = peers.get(id);
		if (!person) return;
		peers.delete(id);
		person.peer.close(bye);
		person.tile.remove();
		person.screen?.remove();
		drawPeople(self);
	}

	function draw(id) {
		const person = peers.get(id);
		if (!person?.peer) return;
		const { peer, tile } = person, { nick, media, role, away } = peer.entry, { audio, video, state } = peer.main;
		let word = away && state === "connecting" ? "faltering" : state; // nobody there to answer
		if (word === "connected" && peer.hasNoVideo && media.video) word = "no_codec";
		const name = nick || say("guest"), screen = peer.screen?.video;
		tile.draw({
			id, nick: name, audio, video, media: { ...media, screen: media.screen && !peer.legacy }, host: role === "host", hand: peer.hand,
			quality: peer.quality, state: say(word), faltering: state !== "connected",
		});
		if (screen) person.screen ??= new Tile(false);
		else person.screen = person.screen?.remove();
		person.screen?.draw({ nick: say("screen_of", { name }), video: screen, media: { audio: true, video: true, screen: true } });
		drawPeople(self);
	}

	function drawOwn() {
		const media = devices.sends;
		own?.draw({
			nick: nick ? `${nick} (${say("you")})` : say("you"), video: devices.track("video"), media, hand: self.hand,
			host: self.role === "host", mirrored: !media.screen && devices.facing === "user",
		});
		drawPeople(self);
	}

	return Object.assign(self, {
		// Ends it from our side, without a word to the person.
		close() {
			clearTimeout(retry);
			clearTimeout(mentioned);
			clearInterval(looking);
			write("banner", "");
			for (const id of peers.keys()) part(id, true);
			own?.remove();
			own = null;
			changeLobby(() => lobby.clear());
			if (self.inRoom || self.waiting) server.send({ type: "leave" });
			self.inRoom = self.waiting = false;
			server.close();
		},
		mediaChanged() {
			if (self.inRoom || self.waiting) update();
			for (const { peer } of peers.values()) peer.mediaChanged();
			drawOwn();
			if (own) mention(devices.fault);
		},
		say(text) {
			const said = chat.say(text);
			if (said) for (const { peer } of peers.values()) peer.say(said);
		},
		raise(up) {
			self.hand = up;
			for (const { peer } of peers.values()) peer.sayHand();
			drawOwn();
		},
		order: (type, more) => server.send({ type, id: ++requests, ...more }),
		// Rings round those who speak; `level` is how loud we are.
		tick(level) {
			const tracks = [devices.ear], sent = devices.isOn("audio");
			for (const { peer, tile } of peers.values()) {
				const { audio, pc } = peer.main;
				tile.speaking(peer.entry.media.audio && levelOf(audio, pc?.getReceivers().find(({ track }) => track === audio)) > SPEECH);
				tracks.push(audio);
			}
			keepMeters(tracks);
			own?.speaking(sent && level > SPEECH);
			talk = sent ? 0 : talk + (level > 2 * SPEECH);
			if (talk === TALK && own) mention(say("muted_talking"));
		},
	});
}
