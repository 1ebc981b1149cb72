"""Sounds to hear and to see: players that carry their own audio, and small log-mel pictures side by side."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from companion.audio import Audio, resample
from companion.report.shown import Shown, data_uri, escape
from companion.report.style import BLUE, styled

PEAK = 0.5  # of every sound in a player: comfortable, and equal from one to the next
RANGE = 60.0  # decibels below its maximum that a picture shows


@dataclass(frozen=True)
class Picture:
    """A log-mel spectrogram with what was labelled in it.

    Args:
        title: Above the picture.
        log_mel: Values in dB. Shape: ``(T, F)``.
        duration: Seconds that the frames span.
        events: Onset and offset of each labelled event, seconds.
    """

    title: str
    log_mel: NDArray[np.floating]
    duration: float
    events: Sequence[tuple[float, float]] = ()


def excerpt(audio: Audio, onset: float, seconds: float, sample_rate: int) -> Audio:
    """What a page lets a reader hear of a clip: from just before an event's onset, at a lower rate."""
    start = max(0.0, onset - 0.1)
    start = min(start, max(0.0, audio.duration - seconds))
    first, last = (round(time * audio.sample_rate) for time in (start, start + seconds))
    return Audio(resample(audio.samples[first:last], audio.sample_rate, sample_rate), sample_rate)


def players(groups: Mapping[str, Mapping[str, NDArray[np.floating]]], sample_rate: int) -> Shown:
    """Players in groups under headings. The page needs no other file, so it can be heard offline.

    Args:
        groups: Sounds by name, by heading; each is scaled to the same peak. Shape of each: ``(N,)``.
        sample_rate: Of all of them, Hz; 22050 at 16 bits costs the page 59 kB a second.
    """
    parts = []
    for heading, sounds in groups.items():
        items = "".join(_player(name, samples, sample_rate) for name, samples in sounds.items())
        row = "display:flex;flex-wrap:wrap;gap:0.5rem 1rem"
        parts.append(f'<p><strong>{escape(heading)}</strong></p><div style="{row}">{items}</div>')
    words = "\n".join(f"- {heading}: {', '.join(sounds)}" for heading, sounds in groups.items())
    return Shown("".join(parts), f"Sounds to hear on the page:\n\n{words}")


def _player(name: str, samples: NDArray[np.floating], sample_rate: int) -> str:
    file = io.BytesIO()
    scaled = samples * (PEAK / max(float(np.abs(samples).max()), 1e-12))
    soundfile.write(file, scaled, sample_rate, format="WAV", subtype="PCM_16")
    source, label = data_uri(file.getvalue(), "audio/wav"), escape(name)
    return (
        f'<div style="width:11rem"><span>{label}</span><br>'
        f'<audio controls preload="metadata" aria-label="{label}" style="width:100%;height:2rem" '
        f'src="{source}"></audio></div>'
    )


@styled
def log_mel_grid(pictures: Sequence[Picture], columns: int, *, width: float = 10.0) -> Figure:
    """Small multiples of log-mel spectrograms on common axes, labelled events as bars above each.

    Args:
        pictures: In reading order.
        columns: Pictures in a row.
        width: Of the figure, inches.
    """
    rows = -(-len(pictures) // columns)
    height = 0.85 * width * rows / columns + 0.4
    # margins in inches, set once: an automatic layout of thirty panels takes seconds
    figure = Figure(figsize=(width, height), layout="none")  # type: ignore[arg-type]  # the stub forgets "none"
    margins = {"left": 0.6 / width, "right": 1 - 0.1 / width, "bottom": 0.5 / height, "top": 1 - 0.25 / height}
    axes = figure.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=margins | {"wspace": 0.12, "hspace": 0.3}
    ).flat
    for axis in axes[len(pictures) :]:
        axis.set_axis_off()
    for axis, picture in zip(axes, pictures, strict=False):
        _draw(axis, picture)
    figure.supxlabel("time (s)", fontsize="small")
    figure.supylabel("mel band", fontsize="small")
    return figure


def _draw(axis: Axes, picture: Picture) -> None:
    bands = picture.log_mel.shape[1]
    top = float(picture.log_mel.max())
    axis.imshow(
        pooled(picture.log_mel).T, origin="lower", aspect="auto", interpolation="nearest", cmap="magma",
        vmin=top - RANGE, vmax=top, extent=(0, picture.duration, 0, bands),
    )  # fmt: skip
    for onset, offset in picture.events:
        axis.plot([onset, offset], [1.04 * bands] * 2, color=BLUE, linewidth=2, solid_capstyle="butt")
    axis.set_ylim(0, 1.08 * bands)
    axis.set_title(picture.title, loc="center", fontsize="small", pad=2)
    axis.set_xticks([0, round(picture.duration)])
    axis.set_yticks([0, bands])
    axis.tick_params(labelsize="x-small", length=2)


def pooled(log_mel: NDArray[np.floating], frames: int = 4, bands: int = 2) -> NDArray[np.floating]:
    """Maximum over blocks, so that short and narrow sounds stay visible at a tenth of the bytes.

    Shape:
        (T, F) -> (T // frames, F // bands)
    """
    T, F = log_mel.shape[0] // frames, log_mel.shape[1] // bands
    return log_mel[: T * frames, : F * bands].reshape(T, frames, F, bands).max(axis=(1, 3))
