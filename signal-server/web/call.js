// A call, from the request to come in until its end. Owns who is in the room, who waits at its door, and what is said.

import { Chat } from "./chat.js";
import { Levels } from "./levels.js";
import { forgetIn, rememberIn, secretOf } from "./link.js";
import { Peer } from "./peer.js";
import { Signalling } from "./signalling.js";
import * as ui from "./ui.js";
import { knows, say } from "./words.js";

/** How often a lost room is asked for again while the media goes on. */
const REJOIN_MS = 10_000; // each try spends some of what the server grants to guesses
/** How long something is mentioned. */
const MENTION_MS = 8_000;
/** Losses of the server's connection after which we stop calling it a change of network. */
const CHANGES = 3;
/** People at the door that are shown. Cap 64; full: the newest is not shown, and knocks again. */
const LOBBY = 64;

export class Call {
  /** Id -> {peer, tile}. */
  peers = new Map();
  /** Id -> {id, nick, kind}: who waits, where we are the host. */
  lobby = new Map();
  chat;
  role = "guest";
  inRoom = false;
  waiting = false;
  room;
  nick;
  #devices; #end; #signalling; #configuration; #own = null; #ice = []; #retry = 0; #trouble = null; #mention = 0;
  #levels = new Levels(); #requests = 1; #over = false;

  /**
   * `end(code, sentence, over)` is called once, when the call is refused, or over after it had begun; `relayOnly`
   * forces the media through a relay.
   */
  constructor({ room, nick, devices, relayOnly, end, said }) {
    Object.assign(this, { room, nick });
    this.#devices = devices;
    this.#end = end;
    this.#configuration = () => ({
      bundlePolicy: "max-bundle", iceServers: this.#ice, iceTransportPolicy: relayOnly ? "relay" : "all",
    });
    this.chat = new Chat(said);
    const url = `${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/ws`;
    this.#signalling = new Signalling(url, {
      session: (session) => this.#onSession(session),
      message: (message) => this.#onMessage(message),
      lost: (attempt) => this.#onLost(attempt),
      end: (code) => this.#onEnd(code),
    });
  }

  /** Ends it from our side, without a word to the person. */
  close() {
    clearTimeout(this.#retry);
    clearTimeout(this.#mention);
    ui.banner("");
    for (const { peer, tile } of this.peers.values()) {
      peer.close(true);
      tile.remove();
    }
    this.peers.clear();
    this.#levels.keep([]);
    this.#own?.remove();
    this.#own = null;
    this.lobby.clear();
    ui.drawLobby([]);
    if (this.inRoom || this.waiting) this.#signalling.send({ type: "leave" });
    this.inRoom = this.waiting = false;
    this.#signalling.close();
  }

  /** Our devices changed, or what we do with them. */
  mediaChanged() {
    if (this.inRoom || this.waiting) this.#signalling.send({ type: "update", media: this.#devices.sends });
    for (const { peer } of this.peers.values()) peer.mediaChanged();
    this.#drawOwn();
    if (this.#own) this.#mentionFault(this.#devices.fault);
  }

  /** Says something to everybody in the room. */
  say(text) {
    const said = this.chat.say(text);
    if (said) for (const { peer } of this.peers.values()) peer.say(said);
  }

  /** The host lets somebody in (`admit`) or sends them away (`deny`). */
  answer(id, order) {
    this.#signalling.send({ type: order, id: ++this.#requests, peer: id });
  }

  /** Starts the sound that the browser held back. */
  playAll() {
    for (const { tile } of this.peers.values()) tile.play();
  }

  /** Rings round those who speak. */
  markSpeakers() {
    const tracks = [this.#devices.audio];
    for (const { peer, tile } of this.peers.values()) {
      const receiver = peer.connection?.getReceivers().find((r) => r.track === peer.audio);
      tile.speaking(peer.entry.media.audio && this.#levels.speaks(peer.audio, receiver));
      tracks.push(peer.audio);
    }
    this.#own?.speaking(this.#devices.sends.audio && this.#levels.speaks(this.#devices.audio, null));
    this.#levels.keep(tracks);
  }

  #ask() {
    const { room, nick } = this;
    this.#signalling.send({ type: "join", id: 1, room, nick, invite: secretOf(room), media: this.#devices.sends });
  }

  #onSession({ resumed }) {
    if (resumed) this.#setTrouble(null);
    ui.doorFault("");
    ui.waitTrouble("");
    clearTimeout(this.#retry);
    if (resumed) return;
    this.inRoom = this.waiting = false;
    this.lobby.clear();
    ui.drawLobby([]);
    this.#ask();
  }

  #onLost(attempt) {
    const word = attempt < CHANGES ? "network_changed" : "server_lost";
    if (this.#own) this.#setTrouble(word);
    else if (attempt > 1) {
      const sentence = `${say("server_unreachable")} ${say("trying")}`;
      if (this.waiting) ui.waitTrouble(sentence);
      else ui.doorFault(sentence);
    }
  }

  #onEnd(code) {
    this.#finish(code, knows(code) ? say(code) : say("refused", { code }));
  }

  #onMessage(message) {
    switch (message.type) {
      case "joined": return this.#onJoined(message);
      case "waiting": return this.#onWaiting();
      case "error": return this.#onError(message);
      case "peer_joined": return this.#meet(message.peer);
      case "peer_updated": return this.#withPeer(message.peer.id, ({ peer }) => peer.update(message.peer));
      case "peer_away": return this.#withPeer(message.id, ({ peer }) => peer.update({ ...peer.entry, away: true }));
      case "peer_left": return this.#part(message.id);
      case "signal": return this.#withPeer(message.from, ({ peer }) => peer.hear(message));
      case "ice_refresh": return this.#onIce(message.ice_servers);
      case "room_state": return this.#onRole(message.role);
      case "lobby_request": return this.#onKnock(message.peer);
      case "lobby_left": return this.#onKnockOver(message.id);
      case "kicked": return this.#finish("kicked", say("kicked"), true);
      case "room_ended": return this.#finish("ended", say("ended"), true);
      case "server_draining": return this.#own && this.#setTrouble("server_draining");
    }
  }

  #onJoined(joined) {
    rememberIn(this.room);
    for (const id of [...this.peers.keys()]) this.#part(id); // after a new start everybody is met anew
    this.#ice = joined.ice_servers ?? [];
    this.inRoom = true;
    this.waiting = false;
    this.lobby.clear();
    clearTimeout(this.#retry);
    this.#signalling.send({ type: "update", media: this.#devices.sends }); // it may have changed since we asked
    this.#trouble = null;
    this.#mentionFault(this.#devices.fault);
    ui.enterRoom(this.room);
    this.#own ??= new ui.Tile(true);
    this.#onRole(joined.role);
    joined.peers.forEach((entry) => this.#meet(entry));
  }

  #onWaiting() {
    this.waiting = true;
    if (this.#own) this.#setTrouble("waiting"); // the server forgot us; the media goes on meanwhile
    else ui.wait(this.room, this.nick);
  }

  #onRole(role) {
    this.role = role ?? "guest";
    this.#drawOwn();
  }

  #onKnock(entry) {
    if (this.lobby.size < LOBBY) this.lobby.set(entry.id, entry);
    ui.drawLobby([...this.lobby.values()]);
  }

  #onKnockOver(id) {
    this.lobby.delete(id);
    ui.drawLobby([...this.lobby.values()]);
  }

  #onError(error) {
    const values = { s: error.retry_after, n: error.capacity ?? this.#signalling.limits.room_peers };
    if (error.id === undefined || this.inRoom) {
      if (error.code === "full") this.#mentionSentence(say("full", values)); // nobody can be let in
      return console.warn("server", error.code, error.message);
    }
    if (this.#own && (error.code === "no_such_room" || error.code === "rate_limited")) {
      // The server was started anew and the room is not back yet. The media goes on: ask again.
      this.inRoom = false;
      this.#setTrouble("server_lost");
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#ask(), Math.max(REJOIN_MS, (error.retry_after ?? 0) * 1000));
      return;
    }
    this.waiting = false;
    this.#finish(error.code, knows(error.code) ? say(error.code, values) : say("refused", { code: error.code }));
  }

  /** The end that was not ours. `over`: the room is, for us, and there is no door to stand at. */
  #finish(code, sentence, over = Boolean(this.#own)) {
    if (this.#over) return;
    this.#over = true;
    forgetIn(this.room);
    if (code === "kicked" || code === "ended") this.inRoom = this.waiting = false; // there is nothing to leave
    this.close();
    this.#end(code, sentence, over);
  }

  /** A word that holds until it is replaced. */
  #setTrouble(word) {
    this.#trouble = word;
    this.#mentionFault(null);
  }

  #mentionFault(fault) {
    this.#mentionSentence(fault ? say(fault) : "");
  }

  /** Shows the sentence on the banner for a while: the server's trouble, as long as it holds, goes first. */
  #mentionSentence(sentence) {
    clearTimeout(this.#mention);
    ui.banner(this.#trouble ? say(this.#trouble) : sentence);
    if (sentence) this.#mention = setTimeout(() => this.#mentionSentence(""), MENTION_MS);
  }

  #onIce(servers) {
    this.#ice = servers;
    for (const { peer } of this.peers.values()) {
      try {
        peer.connection?.setConfiguration(this.#configuration());
      } catch (error) {
        console.warn("ice servers", error);
      }
    }
  }

  #meet(entry) {
    this.#part(entry.id);
    const tile = new ui.Tile(false, ui.offerSound);
    const person = { tile, peer: null };
    this.peers.set(entry.id, person);
    person.peer = new Peer(entry, {
      chat: this.chat,
      signal: (signal) => this.#signalling.send({ type: "signal", ...signal }),
      sends: () => this.#devices.sends,
      track: (kind) => this.#devices[kind],
      configuration: this.#configuration,
      changed: () => this.#draw(entry.id),
      bye: (peer) => { if (this.peers.get(peer.id)?.peer === peer) this.#part(peer.id); },
      heard: (peer, text) => this.chat.hear(peer.id, peer.entry.nick || say("guest"), text),
    });
    this.#draw(entry.id);
  }

  #part(id) {
    const person = this.peers.get(id);
    if (!person) return;
    this.peers.delete(id);
    person.peer.close();
    person.tile.remove();
  }

  #withPeer(id, act) {
    const person = this.peers.get(id);
    if (!person) return;
    act(person);
    this.#draw(id);
  }

  #draw(id) {
    const person = this.peers.get(id);
    if (!person?.peer) return;
    const { peer, tile } = person;
    const words = { connecting: "connecting", connected: null, faltering: "reconnecting", failed: "unreachable" };
    const absent = peer.entry.away && peer.state === "connecting"; // nobody there to answer
    let word = absent ? "reconnecting" : words[peer.state];
    if (!word && peer.hasNoVideo && peer.entry.media.video) word = "no_codec";
    const { nick, media, role } = peer.entry;
    const { audio, video } = peer;
    tile.draw({
      id, nick: nick || say("guest"), audio, video, media, host: role === "host", state: word && say(word),
      faltering: peer.state !== "connected",
    });
  }

  #drawOwn() {
    const nick = this.nick ? `${this.nick} (${say("you")})` : say("you");
    const { video, sends: media } = this.#devices;
    this.#own?.draw({ id: "", nick, audio: null, video, media, host: this.role === "host" });
  }
}
