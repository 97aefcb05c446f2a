// Who is here and who knocks, and what a host may do. What stands stays where it is: a finger or the focus may be on it.

import { $, all, copy, el, label, one, setAvatar, write } from "./dom.js";
import { say } from "./words.js";

// Makes the children of `list` those of `rows`, by their `key`.
function keep(list, rows, make) {
	const standing = [...list.children];
	for (const item of standing) if (!rows.some(({ key }) => key === item.key)) item.remove();
	return rows.map((row) => standing.find(({ key }) => key === row.key) ?? list.appendChild(Object.assign(make(row), { key: row.key })));
}

export function drawLobby(lobby) {
	keep($("knocks"), [...lobby.values()].map(({ id, nick }) => ({ key: id, name: nick || say("guest") })), ({ key, name }) => {
		const card = copy("knock");
		card.dataset.peer = key;
		setAvatar(one(".avatar", card), name, key);
		write(one("p", card), say("knocks", { name }));
		for (const button of all("button", card)) label(button, `${button.textContent}: ${name}`);
		return card;
	});
}

export function drawPeople({ nick, role, state, hand, peers }) {
	const host = role === "host", you = say("you"), rows = [{ id: "", name: nick ? `${nick} (${you})` : you, marks: [host && "host", hand && "hand_up"] }];
	for (const { peer } of peers.values()) {
		if (!peer) continue;
		const { id, entry, legacy, hand: up, quality } = peer, way = quality?.grade && (quality.relayed ? "relayed" : "direct");
		const marks = [entry.role === "host" && "host", up && "hand_up", !entry.media.audio && "muted", way];
		rows.push({ id, name: entry.nick || say("guest"), marks, orders: host && (legacy ? ["kick"] : ["make_host", "kick"]) });
	}
	for (const row of rows) row.key = row.id + row.name + row.orders;
	const items = keep($("people-list"), rows, line);
	rows.forEach(({ marks }, n) => write(one("small", items[n]), marks.filter(Boolean).map((word) => say(word)).join(" · ")));
	write("count", rows.length);
	$("host-tools").hidden = !host;
	write("lock", say($("lock").dataset.do = state.locked ? "unlock" : "lock"));
	$("room-password").placeholder = say(state.has_password ? "has_password" : "password");
	write("wrong", state.wrong_invites ? say("wrong_invites", { n: state.wrong_invites }) : "");
}

function line({ id, name, orders }) {
	const avatar = el("span", { className: "avatar" }), item = el("li", {}, avatar, el("p", {}, name, el("small")));
	setAvatar(avatar, name, id);
	for (const order of orders || []) {
		const button = el("button", { className: "text", ariaLabel: `${say(order)}: ${name}` }, say(order));
		Object.assign(button.dataset, { do: order, peer: id, name });
		item.append(button);
	}
	return item;
}
