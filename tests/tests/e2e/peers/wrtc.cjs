// A peer on @roamhq/wrtc, the native code of browsers without a browser: VP8 and Opus, estimates by transport-cc.

const wrtc = require('@roamhq/wrtc')

const { attend, audible, counts } = require('./room.cjs')

const { RTCAudioSink, RTCAudioSource, RTCVideoSink, RTCVideoSource } = wrtc.nonstandard
const [WIDTH, HEIGHT] = [320, 180]

/** A bar that moves over a grey picture, 15 frames a second. */
function camera() {
  const source = new RTCVideoSource()
  const data = new Uint8ClampedArray((WIDTH * HEIGHT * 3) / 2)
  let n = 0
  setInterval(() => {
    n += 1
    data.fill(128)
    for (let y = 0; y < HEIGHT; y++) data.fill(235, y * WIDTH + (n % (WIDTH - 16)), y * WIDTH + (n % (WIDTH - 16)) + 16)
    source.onFrame({ width: WIDTH, height: HEIGHT, data })
  }, 1000 / 15)
  return source.createTrack()
}

/** A tone of 500 Hz, in blocks of 10 ms; blocks that a busy machine was late for are made up for. */
function microphone() {
  const source = new RTCAudioSource()
  const samples = Int16Array.from({ length: 480 }, (_, n) => 8000 * Math.sin((2 * Math.PI * n) / 96))
  let next = performance.now()
  setInterval(() => {
    for (; next <= performance.now(); next += 10) source.onData({ samples, sampleRate: 48000 })
  }, 10)
  return source.createTrack()
}

const tracks = [microphone(), camera()]

function receive(track) {
  if (track.kind === 'video') {
    new RTCVideoSink(track).onframe = () => (counts.video += 1)
  } else {
    new RTCAudioSink(track).ondata = ({ samples }) => (counts.audio += audible(samples) ? 1 : 0)
  }
}

attend('wrtc', (tell) => {
  const pc = new wrtc.RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  for (const track of tracks) pc.addTrack(track)
  pc.ontrack = ({ track }) => receive(track)
  pc.onicecandidate = ({ candidate }) => candidate && tell({ cand: candidate.toJSON() })
  let channel
  pc.ondatachannel = (event) => (channel = event.channel)
  const describe = async (description) => {
    await pc.setLocalDescription(description)
    tell({ desc: { type: description.type, sdp: description.sdp } })
  }
  // Candidates wait for the description that they belong to.
  let described = Promise.resolve()
  return {
    offer: async () => {
      channel = pc.createDataChannel('hearth')
      await describe(await pc.createOffer())
    },
    take: (description) => {
      described = pc.setRemoteDescription(description)
      if (description.type === 'offer') described = described.then(() => pc.createAnswer()).then(describe)
    },
    add: (candidate) => described.then(() => pc.addIceCandidate(candidate)),
    bye: () => channel?.readyState === 'open' && channel.send('{"type":"bye"}'),
    close: () => pc.close(),
  }
})
