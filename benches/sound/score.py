#!/usr/bin/env python3
"""score.py [--quick] REF_16k.wav OUT_48k.wav...: added delay and objective quality of what was played.

REF is the 60 s of speech that was sent (16 kHz mono); each OUT is what was played (48 kHz mono), from time 0 on. Prints a
line for each: its path, mean and 95th percentile of the delay in ms, PESQ-WB, PLCMOS and ViSQOL; --quick leaves out the
last two, and they are "-" where their packages are missing.

The delay is found by cross-correlation of windows of 1 s, less 26.5 ms: the frame of 20 ms and Opus' look-ahead.
"""
import os
import sys
import warnings
from multiprocessing import Pool

os.environ.update(OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")
import numpy as np
import soundfile as sf
from pesq import pesq
from scipy.signal import resample_poly

warnings.filterwarnings("ignore")
RATE, WINDOW, HOP, MAX_LAG, PIECE = 16000, 16000, 8000, int(0.8 * 16000), 8 * 16000


def lags_ms(ref, out):
    found = []
    for k in range(HOP, len(ref) - WINDOW - MAX_LAG, HOP):
        r = ref[k : k + WINDOW]
        if np.sqrt(np.mean(r**2)) < 0.01:
            continue
        d = out[k : k + WINDOW + MAX_LAG]
        n = 1 << int(np.ceil(np.log2(len(d) + len(r))))
        c = np.fft.irfft(np.fft.rfft(d, n) * np.conj(np.fft.rfft(r, n)), n)[:MAX_LAG]
        e = np.cumsum(np.concatenate([[0], d**2]))
        c = c / np.sqrt((e[WINDOW : WINDOW + MAX_LAG] - e[:MAX_LAG]) * np.sum(r**2) + 1e-9)
        if np.max(c) > 0.5:
            found.append(np.argmax(c) / 16.0)
    return np.array(found)


def plcmos_of(out):
    from speechmos import plcmos

    parts = [out[k : k + 10 * RATE] for k in range(0, 600000, 10 * RATE)]
    return np.mean([plcmos.run(p, sr=RATE)["plcmos"] for p in parts if len(p) == 10 * RATE])


def visqol_of(pieces):
    from visqol import VisqolApi

    visqol = VisqolApi()
    visqol.create(mode="speech")
    return np.mean([visqol.measure_from_arrays(r, d, sample_rate=RATE).moslqo for r, d in pieces[::3]])


def score(job):
    quick, ref, path = job
    ref = sf.read(ref)[0]
    out = resample_poly(sf.read(path)[0], 1, 3)
    lags = lags_ms(ref, out)
    shift = int(round(np.median(lags) * 16)) if len(lags) else 0
    pieces = []
    for k in range(0, len(ref) - PIECE + 1, PIECE):
        d = out[k + shift : k + shift + PIECE]
        pieces.append((ref[k : k + PIECE], np.pad(d, (0, PIECE - len(d)))))
    values = [np.mean(lags) - 26.5, np.percentile(lags, 95) - 26.5, np.mean([pesq(RATE, r, d, "wb") for r, d in pieces])]
    for judge in [] if quick else [lambda: plcmos_of(out), lambda: visqol_of(pieces)]:
        try:
            values.append(judge())
        except Exception as error:  # a missing package, a model that does not load
            print(f"score.py: {error}", file=sys.stderr)
            values.append(None)
    values += [None] * (5 - len(values))
    return path, values


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    ref, *outs = [a for a in sys.argv[1:] if a != "--quick"]
    with Pool() as pool:
        for path, values in pool.imap(score, [(quick, ref, out) for out in outs]):
            print(path, *["-" if v is None else f"{v:.3f}" for v in values], flush=True)
