// The room and the secret of the link. The secret leaves the address bar at once, and lives as long as this tab.

const SECRET = /^[A-Za-z0-9_-]{22}$/;

/** {room, wrong}: an empty room where the link names none, wrong when it cannot be one of ours. */
export function readLink() {
  let room = "";
  try {
    room = decodeURIComponent(/^\/r\/([^/]+)$/.exec(location.pathname)?.[1] ?? "");
  } catch {
    return { room: "", wrong: true };
  }
  const given = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("s");
  const wrong = given !== null && !SECRET.test(given);
  if (given !== null && !wrong) sessionStorage.setItem(`secret ${room}`, given);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return { room, wrong };
}

/** What lets in without knocking, if this tab was given it. */
export const secretOf = (room) => sessionStorage.getItem(`secret ${room}`) ?? undefined;

/** Whether this tab is in the room, so that a reload comes straight back. */
export const wasIn = (room) => sessionStorage.getItem(`joined ${room}`) !== null;
export const rememberIn = (room) => sessionStorage.setItem(`joined ${room}`, "1");
export const forgetIn = (room) => sessionStorage.removeItem(`joined ${room}`);
