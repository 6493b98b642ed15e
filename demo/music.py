"""Learn a composer whom the checkpoint never heard from five works, and compose: ``make demo-music``.

The five works are chorales by J. S. Bach (1685-1750) as they lie in the package music21; soprano and the
other three voices are read as a singer and a keyboard. Another folder can be named.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from demo.errors import DemoError
from model.music.adaptation import adapt
from model.music.checkpoint import load_music
from model.music.composition import Composer
from model.music.controls import Controls
from model.music.export import export
from model.music.limits import MEDIA_TYPES
from model.music.reading import read_work
from model.music.score import Score

OUT = Path(__file__).parent / "out" / "music"
CHORALES = ("bwv66.6", "bwv269", "bwv277", "bwv289", "bwv347")


def example_works(folder: Path | None) -> list[Score]:
    """The works to learn from: those of ``folder``, or the five chorales."""
    if folder is not None:
        files = sorted(path for path in folder.iterdir() if path.is_file())[:16]
    else:
        spec = find_spec("music21")
        places = list(spec.submodule_search_locations or ()) if spec else []
        if not places:
            raise DemoError("the demo reads works of the package music21: `pip install music21`")
        files = [Path(places[0]) / "corpus" / "bach" / f"{name}.mxl" for name in CHORALES]
    return [read_work(path.read_bytes(), title=path.stem) for path in files]


def main(folder: Path | None = None) -> None:
    """Write three compositions in every form, with their originality reports, to ``demo/out/music``."""
    OUT.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    works = example_works(folder)
    base = load_music()
    style = adapt(base, works, on_progress=lambda step, of, loss: print(f"learning: step {step} of {of}"))
    (OUT / "style.safetensors").write_bytes(style.to_bytes())
    print(f"learned from {len(works)} works in {time.perf_counter() - started:.1f} s")
    for number, made in enumerate(Composer(base).compose(style, Controls(bars=12, count=3)), 1):
        for form in MEDIA_TYPES:
            (OUT / f"song-{number}.{form}").write_bytes(export(made.score, form))
        report = made.report.to_dict()
        (OUT / f"song-{number}.originality.json").write_text(json.dumps(report, indent=1) + "\n")
        longest = max(made.report.examples.longest, made.report.training.longest)
        print(
            f"song {number}: {made.score.key.name}, {len(made.score.bars)} bars, longest run shared with "
            f"a known work: {longest} events"
        )
    print(f"everything is in {OUT}, after {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    except DemoError as error:
        sys.exit(f"error: {error}")
