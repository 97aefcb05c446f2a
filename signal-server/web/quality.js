// How good a connection is, from its statistics.

// Share of packets lost, round trip in seconds, share of time that the picture stood: beyond the first fair, the second poor.
const LIMITS = { lost: [0.02, 0.08], trip: [0.25, 0.6], frozen: [0.02, 0.1] };

// Reads a connection and compares it with `last`: {grade: good, fair or poor, trip in ms, lost in %, relayed}.
export async function look(pc, last) {
	const now = await read(pc);
	const passed = (what) => Math.max(0, now[what] - (last?.now ?? now)[what]), lost = passed("lost") / (passed("packets") + passed("lost") || 1);
	const values = { lost, trip: now.trip, frozen: passed("frozen") / (passed("at") || 1) };
	const beyond = (n) => Object.keys(LIMITS).some((what) => values[what] > LIMITS[what][n]);
	const grade = now.pair && (beyond(1) ? "poor" : beyond(0) ? "fair" : "good");
	return { now, grade, relayed: Object.values(now.pair ?? {}).includes("relay"), trip: Math.round(now.trip * 1000), lost: Math.round(lost * 100) };
}

export async function read(pc) {
	const found = { pair: null, framesDecoded: 0, bytesReceived: 0, codec: null, at: performance.now() / 1000, packets: 0, lost: 0, frozen: 0, trip: 0 };
	const report = (await pc?.getStats()) ?? new Map();
	for (const stat of report.values()) {
		// Firefox has no `transport`: there the pair says itself that it is the one.
		const pair = stat.selected ? stat : report.get(stat.selectedCandidatePairId);
		if (pair) {
			const [local, remote] = [pair.localCandidateId, pair.remoteCandidateId].map((id) => report.get(id)?.candidateType);
			found.pair = { local, remote };
		}
		found.trip ||= pair?.currentRoundTripTime ?? stat.roundTripTime ?? 0;
		if (stat.type !== "inbound-rtp") continue;
		found.bytesReceived += stat.bytesReceived ?? 0;
		found.packets += stat.packetsReceived ?? 0;
		found.lost += stat.packetsLost ?? 0;
		found.frozen += stat.totalFreezesDuration ?? 0;
		if (stat.kind !== "video") continue;
		found.framesDecoded = stat.framesDecoded ?? 0;
		found.codec = report.get(stat.codecId)?.mimeType ?? null;
	}
	return found;
}
