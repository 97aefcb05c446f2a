// A client of Hearth's protocol (signal-server/PROTOCOL.md) for peers in Node: joins the room of HEARTH_LINK, passes the
// signals of each connection on, prints each second what was decoded, and leaves on SIGTERM.
//
// `connect(tell)` makes one connection to one participant: an object with `offer()`, `take(description)`, `add(candidate)`,
// `bye()` and `close()`. It reports what the other side needs by `tell({desc})` and `tell({cand})`.

const { createHash, randomInt } = require('node:crypto')
const WebSocket = require('ws')

/** Video frames and blocks of audible sound decoded so far. */
const counts = { video: 0, audio: 0 }

/** Whether these samples are more than silence: the other side sends a chirp each second. */
const audible = (samples) => samples.some((sample) => Math.abs(sample) > 1000)

function attend(nick, connect) {
  const link = new URL(process.env.HEARTH_LINK)
  const secrets = new URLSearchParams(link.hash.slice(1))
  // The link vouches for the server's key; no authority needs to.
  const socket = new WebSocket(`wss://${link.host}/ws`, ['hearth.v1'], { rejectUnauthorized: false })
  socket.on('upgrade', (response) => {
    const key = response.socket.getPeerX509Certificate().publicKey.export({ type: 'spki', format: 'der' })
    if (createHash('sha256').update(key).digest('base64url') !== secrets.get('k')) throw new Error('another server')
  })

  let seq = 0
  const say = (message) => socket.send(JSON.stringify({ seq: ++seq, ...message }))
  const peers = new Map()
  const meet = (id, sid) => {
    peers.get(id)?.close()
    const peer = connect((what) => say({ type: 'signal', to: id, pc: 'main', sid, ...what }))
    peers.set(id, Object.assign(peer, { sid }))
    return peer
  }
  const hearers = {
    welcome: () => {
      socket.send(JSON.stringify({ type: 'hello', v: [1], client: `${nick}/1`, kind: 'native' }))
      const media = { audio: true, video: true, screen: false }
      say({ type: 'join', id: 1, room: link.pathname.split('/').pop(), nick, invite: secrets.get('s'), media })
    },
    // The participant who joins later offers.
    joined: (message) => message.peers.forEach(({ id }) => meet(id, randomInt(2 ** 32)).offer()),
    signal: ({ from, sid, desc, cand, refused }) => {
      if (refused) throw new Error(`refused: ${refused.message}`)
      if (desc?.type === 'offer' && peers.get(from)?.sid !== sid) meet(from, sid)
      const peer = peers.get(from)
      if (peer?.sid !== sid) return
      if (desc) peer.take(desc)
      if (cand?.candidate) peer.add(cand)
    },
    peer_left: ({ id }) => {
      peers.get(id)?.close()
      peers.delete(id)
    },
    error: (message) => {
      throw new Error(JSON.stringify(message))
    },
  }
  socket.on('message', (text) => {
    const message = JSON.parse(text)
    hearers[message.type]?.(message)
  })

  setInterval(() => console.log(JSON.stringify(counts)), 1000)
  process.once('SIGTERM', () => {
    for (const peer of peers.values()) peer.bye()
    say({ type: 'leave' })
    socket.once('close', () => process.exit(0))
    socket.close(1000)
  })
}

module.exports = { attend, audible, counts }
