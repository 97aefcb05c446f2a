// The guest page: what is seen of the call, and what its buttons and keys do.

import { call, depart, drawTiles, end, enter, me, mediaChanged, order, raise, speak, tick } from "./call.js";
import { chat } from "./chat.js";
import { devices, levelOf } from "./devices.js";
import { $, all, avatar, changed, dress, drawBy, el, label, list, one, paint, setTrack } from "./dom.js";
import { drawSecret, hashOf, linkOf, readLink, readTyped, secretOf, wasIn } from "./link.js";
import { read } from "./peer.js";
import { server } from "./signalling.js";
import { arrange, playAll, sound } from "./tiles.js";
import { say } from "./words.js";

const TICK_MS = 200;
const KINDS = { audio: "audioinput", video: "videoinput", speaker: "audiooutput" };

const link = readLink();
// Which panel is open; whether a key is held to talk; the lock that keeps the screen lit; where we were when all was drawn last.
let panel = "", talking = false, awake = null, last = "doorfalse";

const named = (room) => room && say("room", { room: /^\d{9}$/.test(room) ? room.replace(/\d{3}(?=\d)/g, "$& ") : room });

function draw() {
	const { screen, busy, state, trouble, peers, lobby } = call, waits = screen === "wait", room = named(call.room || link.room);
	const fault = trouble ? say(trouble) : call.fault;
	if (panel === "chat") chat.unread = 0;
	paint({
		door: screen === "door", note: waits || screen === "gone", call: screen === "call",
		"room-field": !link.room, "password-field": call.code === "bad_password" || Boolean($("password").value),
		"join-button": say(busy ? "joining" : "join"), "door-fault": fault,
		start: server.features.includes("create") && (!link.room || call.code === "no_such_room"),
		"preview-note": devices.fault || say(devices.asked ? "unseen" : "preview_wait"),
		title: waits ? say("waiting") : call.fault, line: waits ? [room, me.nick].filter(Boolean).join(" · ") : "",
		"note-fault": waits ? fault : "", cancel: waits, again: !waits,
		banner: trouble ? fault : call.notice, sharing: Boolean(devices.screen), alone: !peers.size, hear: sound.blocked,
		chat: panel === "chat", people: panel === "people", unread: chat.unread > 99 ? "99+" : chat.unread, count: peers.size + 1,
		"host-tools": me.role === "host", wrong: state.wrong_invites ? say("wrong_invites", { n: state.wrong_invites }) : "",
		lock: say(state.locked ? "unlock" : "lock"),
	});
	for (const element of all(".room")) element.textContent = room;
	const pressed = { audio: devices.isOn("audio"), video: devices.isOn("video"), share: devices.screen, hand: me.hand, chat: panel === "chat", people: panel === "people" };
	for (const [act, is] of Object.entries(pressed)) for (const button of all(`[data-do=${act}]`)) button.ariaPressed = Boolean(is);
	$("join-button").disabled = $("create").disabled = busy || !globalThis.RTCPeerConnection;
	$("chat-button").ariaDescription = chat.unread ? say("unread", { n: chat.unread }) : "";
	$("room-password").placeholder = say(state.has_password ? "has_password" : "password");
	setTrack($("preview"), screen === "door" ? devices.video : null);
	$("preview").parentElement.className = `preview ${devices.video ? "seen" : ""} ${me.mirrored ? "mirrored" : ""}`;
	avatar($("preview-avatar"), $("nick").value);
	list($("knocks"), [...lobby.values()].map(({ id, nick }) => {
		const name = nick || say("guest");
		return { id, name, text: say("knocks", { name }), orders: ["deny", "admit"] };
	}));
	list($("people-list"), [me, ...peers.values()].map(({ id, name, role, hand, media, legacy, quality }) => {
		const way = quality?.grade && (quality.relayed ? "relayed" : "direct");
		const marks = [role === "host" && "host", hand && "raised", !media.audio && "muted", way].filter(Boolean);
		return { id, name, note: marks.map((word) => say(word)).join(" · "), orders: id && me.role === "host" ? (legacy ? ["kick"] : ["make_host", "kick"]) : [] };
	}));
	drawTiles();
	arrange();
	if (last !== (last = screen + busy)) moved(screen, busy);
}

function moved(screen, busy) {
	document.body.dataset.screen = screen;
	for (const dialog of all("dialog")) dialog.close();
	if (screen === "call") history.replaceState(null, "", `/r/${encodeURIComponent(call.room)}${location.search}`);
	else if (!busy) $({ wait: "cancel", gone: "again" }[screen] ?? (call.code === "bad_password" ? "password" : "join-button")).focus();
	stayLit();
}

function stayLit() {
	if (call.screen !== "call") awake?.release();
	else if (!document.hidden) navigator.wakeLock?.request("screen").then((lock) => { awake = lock; }, () => {});
}

// What there is to choose from.
async function drawPickers() {
	const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [], of = (kind) => found.filter((device) => device.kind === KINDS[kind] && device.deviceId);
	for (const select of all("select")) {
		const kind = select.dataset.pick, used = devices.chosen[kind] ?? devices[kind]?.getSettings().deviceId;
		const option = ({ deviceId, label }, n) => new Option(label || `${say(kind)} ${n + 1}`, deviceId, false, deviceId === used);
		label(select, say(kind));
		select.replaceChildren(...of(kind).map(option));
		select.parentElement.hidden = !select.length || (kind === "speaker" && !HTMLMediaElement.prototype.setSinkId);
	}
	for (const button of all("[data-do=flip]")) button.hidden = !devices.video || of("video").length < 2 || !matchMedia("(pointer: coarse)").matches;
}

function join(wish, secret) {
	localStorage.setItem("nick", me.nick = $("nick").value.trim());
	enter({ password: $("password").value || undefined, ...wish }, secret);
}

function fault(word) {
	call.fault = say(word);
	changed();
}

function show(name) {
	const left = document.activeElement?.closest("aside");
	panel = name;
	draw(); // now, so that it can have the focus
	if (left?.hidden) $(`${left.id}-button`).focus();
	if (name !== "chat") return;
	$("chat-log").scrollTop = 1e9;
	$("chat-text").focus();
}

// Asks before something that cannot be taken back: `answers` is {word: what it does}.
function ask(sentence, answers) {
	const act = (word) => () => {
		$("ask").close();
		answers[word]();
	};
	const buttons = Object.keys(answers).map((word) => el("button", { className: "quiet", onclick: act(word) }, say(word)));
	$("ask").replaceChildren(el("p", {}, sentence), ...buttons);
	$("ask").showModal();
}

const leave = () => end("left", true), end_room = () => order("end_room"), cancel = () => {};

// What buttons do, by their `data-do`.
const acts = {
	leave: () => (me.role === "host" && call.peers.size ? ask(say("ask_leave"), { end_room, leave, cancel }) : leave()),
	end_room: () => ask(say("ask_end"), { end_room, cancel }),
	kick: ({ peer, name }) => ask(say("ask_kick", { name }), { kick: () => order("kick", { peer }), cancel }),
	mute_all: () => order("mute_all"),
	lock: () => order(call.state.locked ? "unlock" : "lock"),
	audio: () => devices.set("audio", !devices.isOn("audio")),
	video: () => devices.set("video", !devices.isOn("video")),
	flip: devices.flip,
	share: devices.share,
	hand: raise,
	hear: playAll,
	chat: () => show(panel === "chat" ? "" : "chat"),
	people: () => show(panel === "people" ? "" : "people"),
	close: () => show(""),
	again: () => location.reload(),
	cancel: () => end("", false),
	settings() {
		if ($("settings").open) return $("settings").close();
		one("#settings h2").after($("pickers"));
		$("settings").showModal();
	},
	async create() {
		const room = link.room || undefined, secret = $("open").checked ? undefined : secretOf(link.room) ?? drawSecret();
		join({ type: "create", room, invite_hash: secret && (await hashOf(secret)) }, secret);
	},
	async copy(_, button) {
		await navigator.clipboard?.writeText(linkOf(call.room)).catch(() => {});
		button.textContent = say("copied");
		setTimeout(() => { button.textContent = say("copy"); }, 2000);
	},
};
for (const type of ["admit", "deny", "make_host"]) acts[type] = ({ peer }) => order(type, { peer });

// What forms do, by their id.
const forms = {
	join() {
		const { room, url } = link.room ? link : readTyped($("room").value.trim());
		if (url) location.href = url;
		else if (room) join({ type: "join", room });
		else fault(room === "" ? "need_room" : "wrong_link");
	},
	"chat-form"() {
		speak($("chat-text").value);
		$("chat-text").value = "";
	},
	"password-form"() {
		order("set_password", { password: $("room-password").value || undefined });
		$("room-password").value = "";
	},
};

function onKey(event) {
	const { target, key, type, repeat } = event, down = type === "keydown", inside = (selector) => target.closest?.(selector);
	if (inside("dialog")) return;
	if (key === "Escape" && down && panel) show("");
	// Enter that ends the choice of a Chinese word is no Enter.
	if (key === "Enter" && down && inside("textarea") && !event.shiftKey && !event.isComposing) {
		event.preventDefault();
		return $("chat-form").requestSubmit();
	}
	if (inside("input, textarea, select") || event.ctrlKey || event.altKey || event.metaKey) return;
	const button = [...all("main:not([hidden]) [aria-keyshortcuts]")].find((one) => one.ariaKeyShortcuts === key.toUpperCase());
	const space = key === " " && call.screen === "call";
	if (!space && !button) return;
	event.preventDefault(); // or the letter lands in the text, and the space fires the button that has the focus
	if (button) return down && !repeat && button.click();
	if (repeat || (down ? devices.isOn("audio") : !talking)) return;
	talking = down;
	devices.set("audio", down);
}

const handlers = {
	click({ target }) {
		const button = target.closest("[data-do]");
		if (button) acts[button.dataset.do]?.(button.dataset, button);
	},
	submit(event) {
		event.preventDefault();
		forms[event.target.id]();
	},
	change({ target: { dataset, value } }) {
		if (dataset.pick) devices.pick(dataset.pick, value);
	},
	input: changed, keydown: onKey, keyup: onKey, visibilitychange: stayLit,
};

// For tests and curious people: who is here, how they are connected, what was said.
const people = () => [...call.peers.values()];
Object.defineProperty(window, "hearth", {
	value: Object.freeze({
		get peers() {
			return people().map(({ id, entry, main: { state, sid }, hand, quality }) => (
				{ ...entry, id, away: Boolean(entry.away), state, sid, hand, grade: quality?.grade, relayed: quality?.relayed }));
		},
		get chat() { return chat.lines; },
		get lobby() { return [...call.lobby.values()]; },
		get role() { return call.place === "room" ? me.role : null; },
		get waiting() { return call.place === "lobby"; },
		get link() { return call.place === "room" ? linkOf(call.room) : null; },
		stats: () => Promise.all(people().map(async ({ id, main }) => ({ id, ...(await read(main.pc)) }))),
	}),
});

dress(document);
$("keys").textContent = [...all("nav [aria-keyshortcuts]")].map(({ title }) => title).join(" · ");
$("chat-text").placeholder = $("chat-text").ariaLabel = say("chat_write");
$("nick").value = localStorage.getItem("nick") ?? "";
$("open").checked = $("open").disabled = !globalThis.crypto.subtle; // without it no secret can be told
one("nav [data-do=share]").hidden = !navigator.mediaDevices?.getDisplayMedia;
$("settings").onclose = () => $("join-button").before($("pickers"));
for (const [type, act] of Object.entries(handlers)) document.addEventListener(type, act);
addEventListener("pagehide", depart);
drawBy(draw);
devices.news = () => {
	mediaChanged();
	drawPickers();
	changed();
};
if (link.wrong) fault("wrong_link");
if (!globalThis.RTCPeerConnection) fault("no_rtc");
else {
	setInterval(() => {
		const level = levelOf(devices.ear);
		$("level").style.setProperty("--level", Math.min(1, level * 6));
		tick(level);
	}, TICK_MS);
	devices.ask();
	server.connect();
	if (wasIn(link.room)) join({ type: "join", room: link.room });
}
draw();
