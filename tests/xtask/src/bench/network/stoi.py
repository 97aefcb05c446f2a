"""STOI (Taal and others, 2011) of what was heard against what was said, for `cargo xtask bench network --quality`.

Arguments: what was said (WAV, played again and again), what was heard (WAV, or 32-bit floats at 48 kHz), and from which
second on how many seconds of that count. Two seconds at a time are laid over where they fit best, because a jitter
buffer takes and gives time; a silent piece counts as nothing understood. Prints the mean.
"""

import sys
from math import gcd

import numpy as np
from pystoi import stoi
from scipy.io import wavfile
from scipy.signal import correlate, resample_poly

RATE = 10_000  # what STOI is defined for
PIECE = 2 * RATE


def read(path):
    if path.endswith(".raw"):
        rate, sound = 48_000, np.fromfile(path, "<f4").astype(float)
    else:
        rate, sound = wavfile.read(path)
        sound = sound.astype(float) / 32768
    common = gcd(rate, RATE)
    return resample_poly(sound, RATE // common, rate // common)


def score(said, heard):
    if np.sqrt(np.mean(heard**2)) < 1e-4:
        return 0.0
    energy = np.convolve(said**2, np.ones(PIECE), "valid")
    fit = correlate(said, heard, "valid", "fft") / np.sqrt(energy + 1e-9)
    at = int(np.argmax(fit))
    return stoi(said[at : at + PIECE], heard, RATE)


said, heard = read(sys.argv[1]), read(sys.argv[2])
begin, length = (int(float(word) * RATE) for word in sys.argv[3:5])
said, heard = np.concatenate([said, said[:PIECE]]), heard[begin : begin + length]
pieces = [heard[at : at + PIECE] for at in range(0, len(heard) - PIECE + 1, PIECE)]
print(np.mean([score(said, piece) for piece in pieces]) if pieces else "none")
