// The room and the secret of the link. The secret leaves the address bar at once, and lives as long as this tab.

// {room, wrong}: no room where the link names none, wrong when it is none of ours. What is behind its # is kept:
// `s` lets in without knocking, `k` is the server's key, for desktop clients.
export function readLink() {
	const { pathname, search, hash } = location, secret = new URLSearchParams(hash.slice(1)).get("s");
	let room = "", wrong = secret !== null && !/^[\w-]{22}$/.test(secret);
	try {
		room = decodeURIComponent(/^\/r\/([^/]+)$/.exec(pathname)?.[1] ?? "");
	} catch {
		wrong = true;
	}
	if (secret && !wrong) keep(room, hash);
	if (hash) history.replaceState(null, "", pathname + search);
	return { room, wrong };
}

const keep = (room, hash) => { sessionStorage[`link ${room}`] = hash; };
const kept = (room) => sessionStorage[`link ${room}`] ?? "";

// What else was in the link (the server's key) stays.
export function keepSecret(room, secret) {
	const parts = new URLSearchParams(kept(room).slice(1));
	parts.set("s", secret);
	keep(room, `#${parts}`);
}
export const dropSecret = (room) => sessionStorage.removeItem(`link ${room}`);
export const secretOf = (room) => new URLSearchParams(kept(room).slice(1)).get("s") ?? undefined;

export const linkOf = (room) => `${location.origin}/r/${encodeURIComponent(room)}${kept(room)}`;

// A new secret, and what the server is told of it: SHA-256 of its bytes.
export async function drawSecret() {
	const bytes = crypto.getRandomValues(new Uint8Array(16)), hash = await crypto.subtle.digest("SHA-256", bytes);
	return [bytes, new Uint8Array(hash)].map((one) => btoa(String.fromCharCode(...one)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
}
