// Who is here and who knocks, and what a host may do.

import { $, all, copy, el, label, one, setAvatar, write } from "./dom.js";
import { say } from "./words.js";

let drawn;

// Those who wait: a card each; the ones that stand keep their place and the focus.
export function drawLobby(lobby) {
	const list = $("knocks"), cards = [...list.children];
	for (const card of cards) if (!lobby.has(card.dataset.peer)) card.remove();
	for (const { id, nick } of lobby.values()) {
		if (cards.some((card) => card.dataset.peer === id)) continue;
		const name = nick || say("guest"), card = copy("knock");
		card.dataset.peer = id;
		setAvatar(one(".avatar", card), name, id);
		one("p", card).textContent = say("knocks", { name });
		for (const button of all("button", card)) label(button, `${button.textContent}: ${name}`);
		list.append(card);
	}
}

export function drawPeople({ nick, role, state, hand, peers }) {
	const host = role === "host", you = say("you"), rows = [["", nick ? `${nick} (${you})` : you, [host && "host", hand && "hand_up"]]];
	for (const { peer } of peers.values()) {
		if (!peer) continue;
		const { id, entry, legacy, hand: up, quality } = peer, way = quality?.grade && (quality.relayed ? "relayed" : "direct");
		const marks = [entry.role === "host" && "host", up && "hand_up", !entry.media.audio && "muted", way];
		rows.push([id, entry.nick || say("guest"), marks, host && (legacy ? ["kick"] : ["make_host", "kick"])]);
	}
	write("count", rows.length);
	const now = JSON.stringify([rows, role, state]);
	if (now === drawn) return; // or the focus would be lost for nothing
	drawn = now;
	$("people-list").replaceChildren(...rows.map(line));
	$("host-tools").hidden = !host;
	write("lock", say($("lock").dataset.do = state.locked ? "unlock" : "lock"));
	$("room-password").placeholder = say(state.has_password ? "has_password" : "password");
	write("wrong", state.wrong_invites ? say("wrong_invites", { n: state.wrong_invites }) : "");
}

function line([id, name, marks, orders]) {
	const avatar = el("span", { className: "avatar" }), words = marks.filter(Boolean).map((word) => say(word)).join(" · ");
	setAvatar(avatar, name, id);
	const item = el("li", {}, avatar, el("p", {}, name, el("small", {}, words)));
	for (const order of orders || []) {
		const button = el("button", { className: "text", ariaLabel: `${say(order)}: ${name}` }, say(order));
		Object.assign(button.dataset, { do: order, peer: id, name });
		item.append(button);
	}
	return item;
}
