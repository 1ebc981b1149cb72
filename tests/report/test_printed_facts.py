"""Facts the papers print that follow from definitions, where no test of a network states them."""

import numpy as np

from companion.features import DV_MFCC, extract, n_frames


def test_thirty_seconds_are_2584_frames_of_20_mfcc():
    """Diment and Virtanen 2017, section 3: 20 MFCC from windows of 2048 samples every 512, 30 s at 44.1 kHz."""
    log_mel = DV_MFCC.log_mel
    assert (log_mel.sample_rate, log_mel.n_fft, log_mel.hop_length) == (44100, 2048, 512)
    assert n_frames(30 * 44100, DV_MFCC) == 2584
    second = np.random.default_rng(0).normal(size=44100).astype(np.float32)
    assert extract(second, 44100, DV_MFCC).shape == (n_frames(44100, DV_MFCC), 20)
