"""A client of Hearth's protocol (signal-server/PROTOCOL.md) for peers in Python: joins the room of HEARTH_LINK, passes the
signals of each connection on, prints each second what was decoded, and leaves on SIGTERM.

`connect(tell)` makes one connection to one participant: an object with `offer()`, `take(description)`, `add(candidate)`,
`bye()` and `close()`. It reports what the other side needs by `tell(desc=...)` and `tell(cand=...)`, from any thread.
"""

import asyncio, base64, hashlib, json, os, random, signal, ssl
from urllib.parse import parse_qs, urlsplit

import websockets
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# Video frames and blocks of audible sound decoded so far.
counts = {"video": 0, "audio": 0}


async def server(link):
    """Returns a connection to the server of the link, whose key the link vouches for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    socket = await websockets.connect(f"wss://{link.netloc}/ws", subprotocols=["hearth.v1"], ssl=context)
    certificate = x509.load_der_x509_certificate(socket.transport.get_extra_info("ssl_object").getpeercert(True))
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.urlsafe_b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    assert pin == parse_qs(link.fragment)["k"][0], "another server"
    return socket


class Room:
    def __init__(self, socket, connect):
        self.socket, self.connect, self.loop = socket, connect, asyncio.get_running_loop()
        self.seq, self.peers = 0, {}

    async def say(self, **message):
        self.seq += 1
        await self.socket.send(json.dumps({"seq": self.seq, **message}))

    def meet(self, peer, sid):
        if peer in self.peers:
            self.peers[peer].close()

        def tell(**what):
            asyncio.run_coroutine_threadsafe(self.say(type="signal", to=peer, pc="main", sid=sid, **what), self.loop)

        self.peers[peer] = self.connect(tell)
        self.peers[peer].sid = sid
        return self.peers[peer]

    def hear(self, message):
        kind = message["type"]
        if kind == "joined":  # the participant who joins later offers
            for entry in message["peers"]:
                self.meet(entry["id"], random.getrandbits(32)).offer()
        elif kind == "signal":
            assert "refused" not in message, message
            self.hear_signal(message["from"], message["sid"], message)
        elif kind == "peer_left" and message["id"] in self.peers:
            self.peers.pop(message["id"]).close()
        elif kind == "error":
            raise RuntimeError(message)

    def hear_signal(self, who, sid, message):
        known = who in self.peers and self.peers[who].sid == sid
        if not known and message.get("desc", {}).get("type") == "offer":
            self.meet(who, sid)
        elif not known:
            return
        if "desc" in message:
            self.peers[who].take(message["desc"])
        if message.get("cand", {}).get("candidate"):
            self.peers[who].add(message["cand"])


async def report():
    while True:
        await asyncio.sleep(1)
        print(json.dumps(counts), flush=True)


async def take_part(nick, connect):
    link = urlsplit(os.environ["HEARTH_LINK"])
    socket = await server(link)
    await socket.recv()  # welcome
    await socket.send(json.dumps({"type": "hello", "v": [1], "client": f"{nick}/1", "kind": "native"}))
    room = Room(socket, connect)
    media = {"audio": True, "video": True, "screen": False}
    secret = parse_qs(link.fragment)["s"][0]
    await room.say(type="join", id=1, room=link.path.split("/")[-1], nick=nick, invite=secret, media=media)

    async def listen():
        async for message in socket:
            room.hear(json.loads(message))

    tasks = [asyncio.ensure_future(listen()), asyncio.ensure_future(report())]
    room.loop.add_signal_handler(signal.SIGTERM, tasks[1].cancel)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if tasks[0] in done:
        tasks[0].result()
        raise RuntimeError("the server has closed the connection")
    for peer in room.peers.values():
        peer.bye()
    await room.say(type="leave")
    await socket.close()


def attend(nick, connect):
    asyncio.run(take_part(nick, connect))
