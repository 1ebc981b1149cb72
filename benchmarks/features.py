"""Features against librosa, side by side in one run: time per recording, and the largest difference.

    python benchmarks/features.py [--seconds 10] [--rounds 15] [FILE ...]

Ours and librosa's take turns, and the time is the processor's, so that whatever else the machine does falls on
neither; each one's fastest round is printed. Without files the recording is seeded noise with a silent half.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported: one thread each

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np

from companion.audio import load
from companion.features import (
    DV_MFCC,
    MULTI_SCALE_LOG_MEL,
    NS_LOG_MEL,
    Feature,
    FeatureSpec,
    LogMel,
    Mfcc,
    extract,
)

SPECS: tuple[FeatureSpec, ...] = (NS_LOG_MEL, DV_MFCC, *MULTI_SCALE_LOG_MEL)


def by_librosa(samples: Feature, spec: FeatureSpec) -> Feature:
    """The same feature by librosa's own functions, time first. Shape: ``(N,)`` to ``(T, F)``."""
    mel = spec.log_mel if isinstance(spec, Mfcc) else spec
    power = librosa.feature.melspectrogram(
        y=samples, sr=mel.sample_rate, n_fft=mel.n_fft, hop_length=mel.hop_length,
        n_mels=mel.n_mels, fmin=mel.fmin, fmax=mel.fmax,
    )  # fmt: skip
    decibels = librosa.power_to_db(power, top_db=mel.top_db)
    return (decibels if isinstance(spec, LogMel) else librosa.feature.mfcc(S=decibels, n_mfcc=spec.n_mfcc)).T


def seconds(work: Callable[[], Feature]) -> tuple[float, Feature]:
    """Processor time of one call, and its result."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def compare(samples: Feature, spec: FeatureSpec, rounds: int) -> tuple[float, float, float]:
    """Fastest time of ours and of librosa in seconds, and the largest difference in dB."""
    ours: list[float] = []
    theirs: list[float] = []
    difference = 0.0
    for _ in range(rounds + 1):  # the first round makes windows and filters, and is not counted
        our_time, our_values = seconds(lambda: extract(samples, spec.sample_rate, spec))
        their_time, their_values = seconds(lambda: by_librosa(samples, spec))
        ours.append(our_time)
        theirs.append(their_time)
        difference = max(difference, float(np.abs(our_values - their_values).max()))
    return min(ours[1:]), min(theirs[1:]), difference


def recordings(files: list[Path], length: float) -> dict[str, Feature]:
    """Recordings by name."""
    if files:
        return {file.name: load(file, sample_rate=44100).samples for file in files}
    noise = 0.1 * np.random.default_rng(0).standard_normal(round(length * 44100)).astype(np.float32)
    noise[len(noise) // 2 :] = 0.0
    return {f"{length:g} s of noise and silence": noise}


def main() -> None:
    """Print one row per recording and specification."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore", message="Empty filters detected")
    print(f"librosa {librosa.__version__}, numpy {np.__version__}, one thread, best of {chosen.rounds}")
    for name, samples in recordings(chosen.files, chosen.seconds).items():
        print(f"\n{name}\n{'':28}{'ours':>10}{'librosa':>12}{'ratio':>8}{'largest difference':>22}")
        for spec in SPECS:
            ours, theirs, difference = compare(samples, spec, chosen.rounds)
            times = f"{1e3 * ours:7.1f} ms{1e3 * theirs:9.1f} ms{theirs / ours:7.1f}×"
            print(f"  {spec.name:<26}{times}{difference:19.1e} dB")


if __name__ == "__main__":
    main()
