"""Sounds to hear and to see: players that carry their own audio, and small log-mel pictures side by side."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import soundfile
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from companion.audio import Audio, resample
from companion.report.shown import Shown, data_uri, escape
from companion.report.style import BLUE, curve_styles, styled
from companion.report.symbols import as_html, as_mathtext

PEAK = 0.5  # of every sound in a player: comfortable, and equal from one to the next
RATE = 22_050  # Hz, of the sounds in players
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
        sample_rate: Of all of them, Hz; a second costs the page about 10 kB.
    """
    parts = []
    for heading, sounds in groups.items():
        items = "".join(_player(name, samples, sample_rate) for name, samples in sounds.items())
        parts.append(f'<p><strong>{escape(heading)}</strong></p><div class="companion-players">{items}</div>')
    words = "\n".join(f"- {heading}: {', '.join(sounds)}" for heading, sounds in groups.items())
    return Shown("".join(parts), f"Sounds to hear on the page:\n\n{words}")


def _player(name: str, samples: NDArray[np.floating], sample_rate: int) -> str:
    sound = _sound(name, Audio(np.asarray(samples, dtype=np.float32), sample_rate))
    return f'<div class="companion-player"><span>{escape(name)}</span>{sound}</div>'


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


@dataclass(frozen=True, eq=False)
class Example:
    """A sound with what was said of it.

    Args:
        title: What it is.
        words: What was said of it, and by whom.
        audio: The sound.
        log_mel: Values in dB. Shape: ``(T, F)``.
        events: Onset, offset and class of each event, where they are known.
        outputs: Outputs over time by name; ``seconds`` are the centres of segments. Empty for none.
    """

    title: str
    words: str
    audio: Audio
    log_mel: NDArray[np.floating]
    events: Sequence[tuple[float, float, str]] = ()
    outputs: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)


def listen(examples: Sequence[Example]) -> Shown:
    """Sounds with their log-mel and what was said of them; a line moves over the picture while one plays."""
    figures = "".join(_example(example) for example in examples)
    words = "\n".join(f"- {example.title}: {example.words}" for example in examples)
    return Shown(f'<div class="companion-listen">{figures}{_CURSOR}</div>', f"Sounds to hear on the page:\n\n{words}")


def _example(example: Example) -> str:
    figure, (left, right) = _timeline(example)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=130, facecolor="white", metadata={"Software": None})
    title = escape(example.title)
    place = f'data-seconds="{example.audio.duration:.3f}" data-span="{left:.4f} {right:.4f}"'
    picture = f'<img alt="Log-mel spectrogram of {title}" src="{data_uri(image.getvalue(), "image/png")}">'
    return (
        f"<figure {place}><figcaption><b>{as_html(example.title)}</b> {as_html(example.words)}</figcaption>"
        f'<div class="companion-timeline">{picture}<i style="left:{100 * left:.1f}%"></i></div>'
        f"{_sound(example.title, example.audio)}</figure>"
    )


def _sound(name: str, audio: Audio) -> str:
    """A player with its sound inside, as MP3: a tenth of the bytes, and every browser plays it."""
    file = io.BytesIO()
    scaled = audio.samples * (PEAK / max(float(np.abs(audio.samples).max()), 1e-12))
    soundfile.write(file, resample(scaled, audio.sample_rate, RATE), RATE, format="MP3")
    source, label = data_uri(file.getvalue(), "audio/mpeg"), escape(name)
    return f'<audio controls preload="metadata" aria-label="{label}" src="{source}"></audio>'


@styled
def _timeline(example: Example) -> tuple[Figure, tuple[float, float]]:
    """Log-mel above, outputs and events below; and where its axes begin and end, as shares of the width."""
    rows = 1 + bool(example.outputs)
    figure = Figure(figsize=(4.6, 1.5 + 1.2 * bool(example.outputs)), layout="none")  # type: ignore[arg-type]
    margins = {"left": 0.11, "right": 0.98, "bottom": 0.3 / rows, "top": 0.96, "hspace": 0.12}
    axes = figure.subplots(
        rows, 1, sharex=True, squeeze=False, gridspec_kw=margins | {"height_ratios": [1.3, 1][:rows]}
    )
    picture, *below = axes[:, 0]
    top, seconds = float(example.log_mel.max()), example.audio.duration
    bands = example.log_mel.shape[1]
    picture.imshow(pooled(example.log_mel).T, origin="lower", aspect="auto", interpolation="nearest", cmap="magma",
                   vmin=top - RANGE, vmax=top, extent=(0, seconds, 0, bands))  # fmt: skip
    picture.set_yticks([0, bands])
    picture.set_ylabel("mel band")
    for axis in below:
        times = example.outputs["seconds"]
        names = [name for name in example.outputs if name != "seconds"]
        for name, look in zip(names, curve_styles(len(names)), strict=True):
            axis.plot(times, example.outputs[name], label=as_mathtext(name), **look)
        for onset, offset, _ in example.events:
            axis.axvspan(onset, offset, color="#BBBBBB", alpha=0.5, linewidth=0)
        axis.set_ylim(0, 1)
        axis.legend(loc="upper right", fontsize=8)
        axis.set_ylabel("output")
    axes[-1, 0].set_xlabel("seconds")
    axes[-1, 0].set_xlim(0, seconds)
    return figure, (margins["left"], margins["right"])


_CURSOR = """<script>
(() => {
  const box = document.currentScript && document.currentScript.parentElement;
  for (const figure of box ? box.querySelectorAll("figure[data-seconds]") : []) {
    const sound = figure.querySelector("audio"), line = figure.querySelector("i");
    const [left, right] = figure.dataset.span.split(" ").map(Number);
    const draw = () => {
      line.style.left = `${100 * (left + (right - left) * sound.currentTime / figure.dataset.seconds)}%`;
      if (!sound.paused) requestAnimationFrame(draw);
    };
    for (const event of ["play", "seeked", "pause"]) sound.addEventListener(event, draw);
  }
})();
</script>"""
