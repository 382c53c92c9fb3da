#!/usr/bin/env python3
"""echo.py [TALK FAR MICROPHONE ENHANCED]...: AECMOS of what an echo canceller made of a microphone's sound.

TALK is who speaks: st (the far end alone), nst (the near end alone) or dt (both); the others are WAV files of one length
(48 kHz mono): what came out of the speaker, what the microphone heard, what was sent. Prints a line for each: the path of
ENHANCED, echo MOS and degradation MOS, from 1 (very annoying) to 5 (imperceptible).

The model of 16 kHz judges, for nothing in the speech is above 8 kHz; a long file in equal pieces of 15 s at most, whose
mean is taken, since the model hears 20 s.
"""
import os
import sys
import warnings

os.environ.update(OMP_NUM_THREADS="1")
import numpy as np
import soundfile as sf
from scipy.signal import resample_poly
from speechmos import aecmos

warnings.filterwarnings("ignore")
RATE, LONGEST = 16000, 15 * 16000


def score(talk, *paths):
    signals = [np.clip(resample_poly(sf.read(path)[0], 1, 3), -1, 1) for path in paths]
    count = -(-len(signals[0]) // LONGEST)
    pieces = zip(*(np.array_split(signal, count) for signal in signals))
    mos = [aecmos.run(dict(zip(["lpb", "mic", "enh"], piece)), sr=RATE, talk_type=talk) for piece in pieces]
    return [np.mean([piece[kind] for piece in mos]) for kind in ["echo_mos", "deg_mos"]]


if __name__ == "__main__":
    jobs = sys.argv[1:]
    for job in zip(*[iter(jobs)] * 4):
        print(job[3], *[f"{mos:.3f}" for mos in score(*job)], flush=True)
