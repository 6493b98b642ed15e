"""What compositions are like, over many: sound, readable by others, original, and in whose manner.

Fragments are composed after learning from held-out composers, with controls drawn at random. Each is checked
on its score (``model.music.checks``), read back from MIDI and MusicXML (key, meter, tempo, notes), and opened
in music21 and Verovio, where no warning may appear.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from model.music.adaptation import DEFAULT_STEPS, adapt
from model.music.checkpoint import load_music
from model.music.checks import problems
from model.music.composition import Composer, Composition
from model.music.controls import Controls
from model.music.errors import CompositionFailedError
from model.music.limits import parse_key, parse_meter
from model.music.midi import read_midi, write_midi
from model.music.musicxml import read_musicxml, write_musicxml
from model.music.works import HELD_OUT

KEYS = ("C", "G", "D minor", "Eb", "F# minor", "Bb", "A", "C minor", "Ab", "E minor")
METERS = ("4/4", "3/4", "2/4", "6/8", "12/8", "3/8", "2/2", "9/8")


def others_complaints(score_xml: bytes) -> list[str]:
    """What music21 and Verovio say against a MusicXML document; empty: nothing."""
    import music21
    import verovio

    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parsed = music21.converter.parseData(score_xml.decode(), format="musicxml")
            for measure in parsed.recurse().getElementsByClass(music21.stream.Measure):
                full = measure.barDuration.quarterLength
                if measure.duration.quarterLength != full:
                    said.append(f"music21: {measure.duration.quarterLength} quarters instead of {full}")
        except music21.exceptions21.Music21Exception as error:
            said.append(f"music21: {error}")
    said += [f"music21: {warning.message}" for warning in caught]
    verovio.enableLog(verovio.LOG_WARNING)
    toolkit = verovio.toolkit()
    with _standard_error() as log:
        if not toolkit.loadData(score_xml.decode()):
            said.append("verovio: it cannot be loaded")
        toolkit.renderToSVG(1)
    said += [f"verovio: {line}" for line in log]
    return said


@contextmanager
def _standard_error() -> Iterator[list[str]]:
    """The lines that C++ writes to standard error meanwhile, in the list once it is left."""
    lines: list[str] = []
    before = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            lines += [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]


def complaints(made: Composition, controls: Controls) -> list[str]:
    """Everything that is wrong with one composition."""
    score = made.score
    meter = parse_meter(controls.meter) if controls.meter else None
    said = problems(score, bars=controls.bars, meter=meter, cadence=controls.ending == "cadence")
    if controls.key and parse_key(controls.key)[0] != score.key.tonic:
        said.append("another key than asked for")
    xml = write_musicxml(score)
    for name, back in (("MIDI", read_midi(write_midi(score))), ("MusicXML", read_musicxml(xml))):
        if Counter((n.onset, n.pitch, n.duration) for n in back.notes) != Counter(
            (n.onset, n.pitch, n.duration) for n in score.notes
        ):
            said.append(f"{name}: other notes when read again")
        if back.bars != score.bars or round(back.tempo, 1) != round(score.tempo, 1):
            said.append(f"{name}: other bars or another tempo when read again")
        if back.key.fifths not in (score.key.fifths, score.key.fifths - 12, score.key.fifths + 12):
            said.append(f"{name}: another signature when read again")
    return said + others_complaints(xml)


def evaluate_fragments(
    checkpoint: Path | None,
    works: Path,
    count: int,
    *,
    bars: int = 16,
    seed: int = 0,
    on_fragment: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Compose ``count`` fragments after learning from the held-out composers below ``works``.

    Returns:
        How many are sound, what was wrong with the others, runs shared, seconds of learning and composing.
    """
    base = load_music(checkpoint)
    composer = Composer(base)
    rng = random.Random(seed)
    folders = [works / name for name in HELD_OUT if (works / name).is_dir()]
    found: Counter[str] = Counter()
    longest: list[int] = []
    shares: list[float] = []
    seconds: list[float] = []
    learning: list[float] = []
    refused = sound = 0
    for number in range(count):
        if number % max(1, count // len(folders)) == 0:
            files = sorted(folders[len(learning) % len(folders)].glob("*.mid"))
            examples = [
                read_midi(p.read_bytes(), title=p.stem) for p in rng.sample(files, min(5, len(files)))
            ]
            started = time.process_time()
            style = adapt(base, examples, steps=DEFAULT_STEPS)
            learning.append(time.process_time() - started)
        controls = Controls(
            bars=bars,
            key=rng.choice(KEYS),
            meter=rng.choice(METERS),
            seed=number,
            tempo=rng.randrange(50, 150),
        )
        started = time.process_time()
        try:
            made = next(composer.compose(style, controls))
        except CompositionFailedError:
            refused += 1
            continue
        seconds.append(time.process_time() - started)
        said = complaints(made, controls)
        found.update(said)
        sound += not said
        longest.append(max(made.report.training.longest, made.report.examples.longest))
        shares.append(made.report.training.share)
        if on_fragment is not None:
            on_fragment(number + 1)
    return {
        "fragments": count,
        "bars": bars,
        "sound": sound,
        "refused": refused,
        "complaints": dict(found.most_common(20)),
        "longest_run": _spread(longest),
        "share_of_8_grams": round(float(np.mean(shares)), 5),
        "human": composer.human,
        "processor_seconds": {"learning": _spread(learning), "composing": _spread(seconds)},
    }


def _spread(values: Sequence[float]) -> Mapping[str, float]:
    array = np.array(values, dtype=float)
    return {
        "median": round(float(np.median(array)), 3),
        "p95": round(float(np.percentile(array, 95)), 3),
        "max": round(float(array.max()), 3),
    }
