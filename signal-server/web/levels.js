// Who speaks: the loudness of what came in, from the packets where they carry it, measured where they do not.

export const SPEECH = 0.02;
// Samples that are looked at: most of the time between two looks, so that a short word is not missed.
const WINDOW = 8192;

let context = null;
const meters = new Map(), samples = new Float32Array(WINDOW);

// The loudness of `track`, 0 to 1; `receiver` is what it comes through, if it comes from somebody else.
export function levelOf(track, receiver) {
	if (track?.readyState !== "live") return 0;
	return receiver?.getSynchronizationSources?.()[0]?.audioLevel ?? measure(track);
}

export function keepMeters(tracks) {
	for (const [track, { source }] of meters) {
		if (tracks.includes(track)) continue;
		source.disconnect();
		meters.delete(track);
	}
}

function measure(track) {
	// A browser lets nobody listen in before the person has touched the page.
	if (!context && !(navigator.userActivation?.hasBeenActive ?? true)) return 0;
	try {
		context ??= new AudioContext();
		if (!meters.has(track)) {
			const source = context.createMediaStreamSource(new MediaStream([track]));
			meters.set(track, { source, analyser: source.connect(new AnalyserNode(context, { fftSize: WINDOW })) });
		}
		meters.get(track).analyser.getFloatTimeDomainData(samples);
		return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / WINDOW);
	} catch {
		return 0; // no sound on this machine: no ring
	}
}
