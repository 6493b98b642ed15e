"""Learn a composer whom the checkpoint never heard, and compose in that manner: ``make demo-music``.

Over HTTP, as ``make demo`` does with pictures. The five works are chorales by J. S. Bach (1685-1750) as they
lie in the package music21; soprano and the other three voices are read as a singer and a keyboard. Other
works can be named.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import httpx
from rich.console import Console

from demo.client import Client, Json
from demo.errors import DemoError
from demo.progress import follow, progress_bars
from demo.service import running_service

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
    """Run the demo; returns the exit status. A thing that is missing is one sentence and status 1."""
    parser = argparse.ArgumentParser(prog="python -m demo.music", description="Songs in, songs out.")
    parser.add_argument("works", type=Path, nargs="*", metavar="FILE", help="default: five by Bach")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="default: demo/out/music")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # unwinds, so the service is stopped
    try:
        run(given.works or chorales(), given.out, console)
    except (DemoError, httpx.HTTPError, OSError) as error:
        console.print(f"[bold red]The demo failed:[/] {error}", markup=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return 0


def run(works: Sequence[Path], out: Path, console: Console) -> None:
    """Start the service, learn, write three compositions in every form. Raises DemoError."""
    started = time.monotonic()
    for path in works:
        if not path.is_file():
            raise DemoError(f"{path} is missing.")
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        log = out / "service.log"
        with console.status("starting the service: broker, worker, API"):
            url = stack.enter_context(running_service(log))
        console.print(f"The service runs at {url} (log: {log}).")
        client, bars = stack.enter_context(Client(url)), stack.enter_context(progress_bars(console))
        style = client.create_style(works, [], name="demo")
        learned = follow(client, bars, style.job_id, f"learning from {len(works)} works", unit="token")
        pending = client.generate("compositions", style.id, bars=12, count=3)
        follow(client, bars, pending.job_id, "composing, by bars", unit="token")
        composition = client.generated("compositions", pending.id)
        for item in composition["items"]:
            name = f"song-{item['position'] + 1}"
            for file in item["files"]:
                (out / f"{name}.{file['form']}").write_bytes(client.content(file["url"]))
            report = json.dumps(item["about"]["originality"], indent=1)
            (out / f"{name}.originality.json").write_text(report + "\n")
    losses = learned["losses"]
    console.print(
        f"{losses['start']['nats']:.3f} nats a token before learning, {losses['end']['nats']:.3f} after"
    )
    for item in composition["items"]:
        console.print(_told(item))
    console.print(f"Done in {time.monotonic() - started:.1f} s: everything is in {out}")


def _told(item: Json) -> str:
    about = item["about"]
    shared = about["originality"]
    longest = max(shared["examples"]["longest"], shared["training"]["longest"])
    return (
        f"song {item['position'] + 1}: {about['key']}, {about['meter']}, {about['bars']} bars; the longest "
        f"run shared with a known work: {f'{longest} notes' if longest else 'fewer than eight notes'}"
    )


if __name__ == "__main__":
    sys.exit(main())
