// A peer on node-datachannel (libdatachannel, which shares no code with browsers). It carries packets and has no codecs:
// GStreamer encodes what it sends and decodes what it receives, in a program of its own. Estimates go by REMB.
//
//     node datachannel.cjs VP8|H264

const { spawn } = require('node:child_process')
const { Audio, PeerConnection, RtcpNackResponder, RtcpReceivingSession, Video } = require('node-datachannel')

const { attend, audible, counts } = require('./room.cjs')

const OPUS = { type: 111, ssrc: 2222 }
const VIDEO = {
  VP8: {
    type: 96,
    describe: (video) => video.addVP8Codec(96),
    encode: 'vp8enc deadline=1 cpu-used=8 keyframe-max-dist=15 ! rtpvp8pay picture-id-mode=15-bit',
    decode: 'rtpvp8depay ! vp8dec',
  },
  H264: {
    type: 97,
    describe: (video) => video.addH264Codec(97),
    encode: 'openh264enc gop-size=15 ! rtph264pay config-interval=-1 aggregate-mode=zero-latency',
    decode: 'rtph264depay ! h264parse ! openh264dec',
  },
}
const VIDEO_SSRC = 1111
const codec = process.argv[2]
const { type, describe, encode, decode } = VIDEO[codec]

/** A decoded frame is brought to this many bytes, so that the bytes of a pipe count frames. */
const THUMBNAIL = 16 * 16
/** 20 ms of samples. */
const BLOCK = 960 * 2

// Packets on pipes are framed as in RFC 4571, decoded media is raw.
const received = (media, name, rate, type) =>
  `application/x-rtp-stream,media=${media},encoding-name=${name},clock-rate=${rate},payload=${type} ! rtpstreamdepay`
const pipeline = `
  videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=15/1
    ! ${encode} pt=${type} ssrc=${VIDEO_SSRC} mtu=1200 ! rtpstreampay ! fdsink fd=3
  audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=1
    ! opusenc ! rtpopuspay pt=${OPUS.type} ssrc=${OPUS.ssrc} ! rtpstreampay ! fdsink fd=4
  fdsrc fd=5 ! ${received('video', codec, 90000, type)} ! ${decode}
    ! videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=16,height=16 ! fdsink fd=6 sync=false async=false
  fdsrc fd=7 ! ${received('audio', 'OPUS', 48000, OPUS.type)} ! rtpopusdepay ! opusdec
    ! audioconvert ! audio/x-raw,format=S16LE,channels=1 ! fdsink fd=8 sync=false async=false`
const gstreamer = spawn('gst-launch-1.0', ['--quiet', ...pipeline.trim().split(/\s+/)], {
  stdio: ['ignore', 'inherit', 'inherit', ...Array(6).fill('pipe')],
})
gstreamer.on('exit', (code) => {
  throw new Error(`GStreamer ended with ${code}`)
})
const [videoOut, audioOut, videoIn, pictures, audioIn, sound] = gstreamer.stdio.slice(3)

/** Calls `handle` with each piece of a stream, whose length `lengthOf` knows from what has come of it. */
function cut(stream, lengthOf, handle) {
  let rest = Buffer.alloc(0)
  stream.on('data', (data) => {
    rest = Buffer.concat([rest, data])
    for (let length = lengthOf(rest); rest.length >= length; length = lengthOf(rest)) {
      handle(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  })
}

cut(pictures, () => THUMBNAIL, () => (counts.video += 1))
cut(sound, () => BLOCK, (block) => {
  const samples = Array.from({ length: BLOCK / 2 }, (_, n) => block.readInt16LE(2 * n))
  counts.audio += audible(samples) ? 1 : 0
})

// What GStreamer encodes goes to everybody; what it decodes must come from one participant alone.
const open = { video: new Set(), audio: new Set() }
const framed = (data) => (data.length < 2 ? 2 : 2 + data.readUInt16BE(0))
const send = (tracks) => (packet) => {
  for (const track of tracks) {
    try {
      track.sendMessageBinary(packet.subarray(2))
    } catch {
      tracks.delete(track) // closed, which is told later
    }
  }
}
cut(videoOut, framed, send(open.video))
cut(audioOut, framed, send(open.audio))

function addTrack(pc, media, tracks, ssrc, type, input) {
  // Nobody has to name streams in a description: where it does not, payload types say whose they are.
  if (codec === 'VP8') media.addSSRC(ssrc, 'hearth', 'hearth', media.mid())
  const track = pc.addTrack(media)
  const session = new RtcpReceivingSession()
  session.addToChain(new RtcpNackResponder())
  track.setMediaHandler(session)
  track.onOpen(() => tracks.add(track))
  track.onClosed(() => tracks.delete(track))
  track.onMessage((packet) => {
    if ((packet[1] & 0x7f) !== type) return
    const length = Buffer.alloc(2)
    length.writeUInt16BE(packet.length)
    input.write(Buffer.concat([length, packet]))
  })
  return track
}

attend('node-datachannel', (tell) => {
  const pc = new PeerConnection('hearth', { iceServers: [], disableAutoNegotiation: true })
  pc.onLocalDescription((sdp, type) => tell({ desc: { type, sdp } }))
  pc.onLocalCandidate((candidate, mid) => tell({ cand: { candidate, sdpMid: mid } }))
  const audio = new Audio('0', 'SendRecv')
  audio.addOpusCodec(OPUS.type)
  const video = new Video('1', 'SendRecv')
  describe(video)
  addTrack(pc, audio, open.audio, OPUS.ssrc, OPUS.type, audioIn)
  addTrack(pc, video, open.video, VIDEO_SSRC, type, videoIn)
  let channel
  pc.onDataChannel((theirs) => (channel = theirs))
  return {
    offer: () => {
      channel = pc.createDataChannel('hearth')
      pc.setLocalDescription('offer')
    },
    take: ({ type, sdp }) => {
      pc.setRemoteDescription(sdp, type)
      if (type === 'offer') pc.setLocalDescription('answer')
    },
    add: ({ candidate, sdpMid }) => pc.addRemoteCandidate(candidate, sdpMid ?? '0'),
    bye: () => channel?.isOpen() && channel.sendMessage('{"type":"bye"}'),
    close: () => pc.close(),
  }
})
