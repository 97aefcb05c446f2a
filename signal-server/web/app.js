// What is seen of the call, and what its buttons and keys do.

import { call, depart, drawTiles, end, enter, knock, me, mediaChanged, order, raise, renew, speak, tellSeen, tick } from "./call.js";
import { chat } from "./chat.js";
import { devices, levelOf } from "./devices.js";
import { $, all, avatar, changed, dress, drawBy, el, fill, label, one, paint, setTrack } from "./dom.js";
import { drawSecret, linkOf, readLink } from "./link.js";
import { read } from "./peer.js";
import { server } from "./signalling.js";
import { arrange, playAll, sound } from "./tiles.js";
import { say } from "./words.js";

const TICK_MS = 200;
const KINDS = { audio: "audioinput", video: "videoinput", speaker: "audiooutput" };

const link = readLink(), canCall = !!globalThis.RTCPeerConnection, { mediaDevices, wakeLock } = navigator;
// The open panel; whether a key is held to talk; what keeps the screen lit; where we were when all was drawn last.
let panel = "", talking = false, awake, last = "doorfalse";

function draw() {
	const { screen, busy, state, trouble, peers, lobby, code } = call, waits = screen === "wait", host = me.role === "host";
	const name = call.room || link.room, room = name && say("room", { room: /^\d{9}$/.test(name) ? name.replace(/\d{3}(?=\d)/g, "$&-") : name });
	const fault = trouble ? say(trouble) : call.fault;
	if (panel === "chat") chat.unread = 0;
	paint({
		door: screen === "door", note: waits || screen === "gone", call: screen === "call",
		"room-field": !link.room, "password-field": code === "bad_password" || !!$("password").value, "door-fault": fault,
		start: server.features.includes("create") && (!link.room || code === "no_such_room"),
		"preview-note": devices.faultOf() || say(devices.asked ? "unseen" : "preview_wait"),
		title: waits && !trouble ? say(call.has_password ? "waiting_key" : "waiting") : fault, line: waits, "note-fault": waits && call.fault,
		knock: waits && call.has_password, cancel: waits, again: !waits && say(over() ? "home" : "again"),
		banner: trouble ? fault : call.notice, sharing: !!devices.screen, alone: !peers.size, hear: sound.blocked,
		chat: panel === "chat", people: panel === "people", unread: chat.unread, count: peers.size + 1,
		"host-tools": host, wrong: ["wrong_invites", "wrong_passwords"].filter((key) => state[key]).map((key) => say(key, { n: state[key] })).join(" "),
		lock: say(state.locked ? "unlock" : "lock"),
	});
	for (const element of all(".room")) element.textContent = room;
	const pressed = { audio: devices.isOn("audio"), video: devices.isOn("video"), share: devices.screen, hand: me.hand, chat: panel === "chat", people: panel === "people" };
	for (const act in pressed) for (const button of all(`[data-do=${act}]`)) button.ariaPressed = !!pressed[act];
	for (const kind of ["audio", "video"]) one(`nav [data-do=${kind}] span`).textContent = say(kind + (pressed[kind] ? "_on" : devices.faults[kind] ? "_none" : "_off"));
	$("join-button").disabled = $("create").disabled = busy || !canCall;
	$("chat-button").ariaDescription = chat.unread ? say("unread", { n: chat.unread }) : "";
	$("room-password").placeholder = say(state.has_password ? "has_password" : "password");
	setTrack($("preview"), waits || screen === "door" ? devices.video : null);
	one(".preview").className = `preview ${devices.video ? "seen" : ""} ${me.mirrored ? "mirrored" : ""}`;
	avatar($("preview-avatar"), $("nick").value);
	fill($("knocks"), [...lobby.values()].map(({ id, nick, same_address_as: other }) => {
		const name = nick || say("guest"), text = say("knocks", { name });
		return { id, name, text: other === undefined ? text : `${text} ${say("same_address", { name: other || say("guest") })}`, orders: ["deny", "admit"] };
	}));
	fill($("people-list"), [me, ...peers.values()].map(({ id, name, role, hand, media, legacy, quality }) => {
		const marks = [role === "host" && "host", hand && "raised", !media.audio && "silent", quality?.grade && quality.way];
		return { id, name, note: marks.filter(Boolean).map((word) => say(word)).join(" · "), orders: id && host ? (legacy ? ["kick"] : ["make_host", "kick"]) : [] };
	}));
	drawTiles();
	arrange();
	if (screen === "call") tellSeen();
	if (last !== (last = screen + busy)) moved(screen, busy);
}

const over = () => /ended|kicked|bad_invite/.test(call.code);

function moved(screen, busy) {
	document.body.dataset.screen = screen;
	for (const dialog of all("dialog")) dialog.close();
	$(screen === "wait" ? "note" : "door").prepend(one(".preview"));
	if (screen === "call") history.replaceState(null, "", `/r/${encodeURIComponent(call.room)}${location.search}`);
	else if (!busy) $({ wait: "cancel", gone: "again" }[screen] ?? (call.code === "bad_password" ? "password" : "join-button")).focus();
	stayLit();
}

function stayLit() {
	if (call.screen !== "call") awake?.release();
	else if (!document.hidden) wakeLock?.request("screen").then((lock) => { awake = lock; }, () => {});
}

async function drawPickers() {
	const found = (await mediaDevices?.enumerateDevices()) ?? [], of = (kind) => found.filter((device) => device.kind === KINDS[kind] && device.deviceId);
	for (const select of all("select")) {
		const kind = select.dataset.pick, used = devices.chosen[kind] ?? devices[kind]?.getSettings().deviceId;
		label(select, say(kind));
		select.replaceChildren(...of(kind).map(({ deviceId, label }) => new Option(label || say(kind), deviceId, false, deviceId === used)));
		select.parentElement.hidden = !select.length || (kind === "speaker" && !HTMLMediaElement.prototype.setSinkId);
	}
	for (const button of all("[data-do=flip]")) button.hidden = !devices.video || of("video").length < 2 || !matchMedia("(pointer: coarse)").matches;
}

function join(wish, secret) {
	localStorage.nick = me.nick = $("nick").value.trim();
	enter({ password: $("password").value || undefined, ...wish }, secret);
}

function fault(word) {
	call.fault = say(word);
	changed();
}

function show(name) {
	const left = document.activeElement?.closest("aside");
	panel = name === panel ? "" : name;
	draw(); // now, so that it can have the focus
	if (left?.hidden) $(`${left.id}-button`).focus();
	if (panel !== "chat") return;
	$("chat-log").scrollTop = 1e9;
	$("chat-text").focus();
}

// Asks before something that cannot be taken back: `answers` is {word: what it does}.
function ask(sentence, answers) {
	const button = (word) => el("button", { onclick: () => ($("ask").close(), answers[word]?.()) }, say(word));
	$("ask").replaceChildren(el("p", {}, sentence), ...[...Object.keys(answers), "cancel"].map(button));
	$("ask").showModal();
}

const leave = () => end("left", true), end_room = () => order("end_room");

const acts = {
	leave: () => (me.role === "host" && call.peers.size ? ask(say("ask_leave"), { end_room, leave }) : leave()),
	end_room: () => ask(say("ask_end"), { end_room }),
	kick({ peer, name }) {
		const kick = () => order("kick", { peer }), kick_renew = () => (kick(), renew());
		ask(say(call.state.invite_only ? "ask_kick_link" : "ask_kick", { name }), call.state.invite_only ? { kick_renew, kick } : { kick });
	},
	lock: () => order(call.state.locked ? "unlock" : "lock"),
	flip: devices.flip,
	share: devices.share,
	hand: raise,
	hear: playAll,
	close: () => show(panel),
	again: () => (over() ? location.assign("/") : location.reload()),
	cancel: () => end("", false),
	settings() {
		if ($("settings").open) return $("settings").close();
		one("#settings h2").after($("pickers"));
		$("settings").showModal();
	},
	async create() {
		const [secret, hash] = $("open").checked ? [] : await drawSecret();
		join({ type: "create", room: link.room || undefined, invite_hash: hash }, secret);
	},
	async copy(_, button) {
		await navigator.clipboard?.writeText(linkOf(call.room)).catch(() => {});
		button.textContent = say("copied");
		setTimeout(() => { button.textContent = say("copy"); }, 2000);
	},
};
for (const type of ["mute_all", "admit", "deny", "make_host"]) acts[type] = ({ peer }) => order(type, { peer });
for (const kind of ["audio", "video"]) acts[kind] = () => devices.set(kind, !devices.isOn(kind));
for (const name of ["chat", "people"]) acts[name] = () => show(name);

const forms = {
	join() {
		const typed = $("room").value.trim(), room = link.room || typed.replace(/[\s-]/g, "");
		if (link.room || (room && !room.includes("/"))) join({ type: "join", room });
		else if (/^https?:\/\/[^/]+\/r\/./.test(typed)) location.href = typed;
		else fault(room ? "wrong_link" : "need_room");
	},
	knock: () => $("key").value && knock($("key").value),
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
	if (key === "Escape" && down && panel) show(panel);
	// Enter that ends the choice of a Chinese word is no Enter.
	if (key === "Enter" && down && inside("textarea") && !event.shiftKey && !event.isComposing) {
		event.preventDefault();
		$("chat-form").requestSubmit();
	}
	if (inside("input, textarea, select") || event.ctrlKey || event.altKey || event.metaKey) return;
	const button = all("main:not([hidden]) [aria-keyshortcuts]").find((one) => one.ariaKeyShortcuts === key.toUpperCase());
	if (!button && (key !== " " || call.screen !== "call")) return;
	event.preventDefault(); // or the letter is typed, and space fires what has the focus
	if (repeat) return;
	if (button) return down && button.click();
	if (down ? devices.isOn("audio") : !talking) return;
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
	input: changed, keydown: onKey, keyup: onKey, visibilitychange: () => (stayLit(), changed()),
};

// For tests: who is here, how they are connected, what was said.
const people = () => [...call.peers.values()], inRoom = () => call.place === "room";
window.hearth = {
	get peers() { return people().map(({ id, entry, main: { state }, hand }) => ({ ...entry, id, state, hand })); },
	get chat() { return chat.lines; },
	get lobby() { return [...call.lobby.values()]; },
	get role() { return inRoom() && me.role; },
	get waiting() { return call.place === "lobby"; },
	get link() { return inRoom() && linkOf(call.room); },
	get sent() { return people().map(({ main: { pc } }) => pc?.getSenders().find(({ track }) => track?.kind === "video")?.getParameters().encodings[0]); },
	stats: () => Promise.all(people().map(({ main }) => read(main.pc))),
};

dress(document);
$("keys").textContent = all("nav [aria-keyshortcuts]").map(({ title }) => title).join(" · ");
$("chat-text").placeholder = $("chat-text").ariaLabel = say("chat_write");
$("nick").value = localStorage.nick ?? "";
$("open").checked = $("open").disabled = !crypto.subtle; // without it no secret can be told
one("nav [data-do=share]").hidden = !mediaDevices?.getDisplayMedia;
$("settings").onclose = () => $("join-button").before($("pickers"));
for (const type in handlers) document.addEventListener(type, handlers[type]);
window.onpagehide = depart;
drawBy(draw);
devices.news = () => {
	mediaChanged();
	drawPickers();
	changed();
};
if (!canCall) fault("no_rtc");
else {
	setInterval(() => {
		const level = levelOf(devices.ear);
		for (const { style } of all("#level, .preview")) style.setProperty("--level", level);
		tick(level);
	}, TICK_MS);
	devices.ask();
	server.connect();
	if (link.wrong) fault("wrong_link");
	else if (link.room && sessionStorage.room === link.room) join({ type: "join", room: link.room });
}
draw();
