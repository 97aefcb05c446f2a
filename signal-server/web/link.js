// The room and the secret of the link. The secret leaves the address bar at once, and lives as long as this tab.

const kept = (what) => sessionStorage.getItem(what) ?? undefined;
const keep = (what, value) => sessionStorage.setItem(what, value);

// {room, wrong}: an empty room where the link names none, wrong when it cannot be one of ours.
export function readLink() {
	let room = "", wrong = false;
	try {
		room = decodeURIComponent(/^\/r\/([^/]+)$/.exec(location.pathname)?.[1] ?? "");
	} catch {
		wrong = true;
	}
	const given = new URLSearchParams(location.hash.slice(1)), secret = given.get("s"), key = given.get("k");
	if (/^[\w-]{22}$/.test(secret)) keepSecret(room, secret);
	else wrong ||= secret !== null;
	if (/^[\w-]{43}$/.test(key)) keep("key", key);
	if (location.hash) history.replaceState(null, "", location.pathname + location.search);
	return { room, wrong };
}

// What a person typed or pasted: {room}, {url} of another page, or nothing when it is neither.
export function readTyped(text) {
	if (!text.includes("/")) return { room: text.replace(/[\s-]/g, "") };
	const url = toUrl(text);
	return url?.pathname.startsWith("/r/") ? { url: url.href } : {};
}

export function toUrl(text) {
	try {
		const url = new URL(text);
		return /^https?:$/.test(url.protocol) ? url : null;
	} catch {
		return null;
	}
}

// What lets in without knocking, if this tab was given it.
export const secretOf = (room) => kept(`secret ${room}`);
export const keepSecret = (room, secret) => keep(`secret ${room}`, secret);

// What to give to others; `k` is the server's key, for desktop clients.
export function linkOf(room) {
	const secret = secretOf(room), key = kept("key");
	return `${location.origin}/r/${encodeURIComponent(room)}${secret ? `#s=${secret}${key ? `&k=${key}` : ""}` : ""}`;
}

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export const drawSecret = () => base64url(crypto.getRandomValues(new Uint8Array(16)));

// What the server is told of a secret: SHA-256 of its bytes.
export async function hashOf(secret) {
	const bytes = Uint8Array.from(atob(secret.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt());
	return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

// Whether this tab is in the room, so that a reload comes straight back.
export const wasIn = (room) => kept(`joined ${room}`);
export const rememberIn = (room) => keep(`joined ${room}`, 1);
export const forgetIn = (room) => sessionStorage.removeItem(`joined ${room}`);
