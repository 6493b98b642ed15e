"""Learn a composer whom the checkpoint never heard, and compose in that manner: ``make demo-music``.

Over HTTP, as ``make demo`` does with pictures. The five works are chorales by J. S. Bach (1685-1750) as they
lie in the package music21; soprano and the other three voices are read as a singer and a keyboard. Other
works can be named.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from demo import command
from demo.errors import DemoError
from fewstroke_client import CompositionPiece

OUT = Path(__file__).parent / "out" / "music"
CHORALES = ("bwv66.6", "bwv269", "bwv277", "bwv289", "bwv347")


def chorales() -> list[Path]:
    """The works to learn from. Raises DemoError without music21."""
    spec = find_spec("music21")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise DemoError("the demo reads works of the package music21: `pip install music21`")
    return [Path(places[0]) / "corpus" / "bach" / f"{name}.mxl" for name in CHORALES]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.music", description="Songs in, songs out.")
    parser.add_argument("works", type=Path, nargs="*", metavar="FILE", help="default: five by Bach")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="default: demo/out/music")
    given = parser.parse_args(arguments)
    return command.run(lambda console: run(given.works or chorales(), given.out, console))


def run(works: Sequence[Path], out: Path, console: Console) -> None:
    """Start the service, learn, write three compositions in every form. Raises DemoError."""
    started = time.monotonic()
    command.check_files(works)
    words = command.nats("token")
    with command.service(out, console) as (_, client, bars):
        style = client.create_style(works, name="demo")
        job, _ = command.follow(client, bars, style.job, f"learning from {len(works)} works", words=words)
        pending = client.create_composition(style.style.id, bars=12, count=3)
        command.follow(client, bars, pending.job, "composing, by bars", words=words)
        items = client.get_composition(pending.composition).items
        for item in items:
            name = f"song-{item.position + 1}"
            for file in item.files:
                client.download_file(file, out / f"{name}.{file.form}")
            report = json.dumps(asdict(item.about.originality), indent=1)
            (out / f"{name}.originality.json").write_text(report + "\n")
    console.print(command.learned(job, "token"))
    for item in items:
        console.print(_told(item))
    console.print(f"Done in {time.monotonic() - started:.1f} s: everything is in {out}")


def _told(item: CompositionPiece) -> str:
    about = item.about
    longest = max(about.originality.examples.longest, about.originality.training.longest)
    return (
        f"song {item.position + 1}: {about.key}, {about.meter}, {about.bars} bars; the longest "
        f"run shared with a known work: {f'{longest} notes' if longest else 'fewer than eight notes'}"
    )


if __name__ == "__main__":
    sys.exit(main())
