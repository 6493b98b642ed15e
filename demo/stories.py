"""Learn a poet whom the checkpoint never read, and write quatrains in that manner: ``make demo-stories``.

Over HTTP, as ``make demo`` does with pictures. The twelve poems are by 李白 (701-762), who is held out of
training, from ``demo/poems``; other texts can be named. Every quatrain is checked against its form again.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
from rich.console import Console

from demo.client import Client, Json
from demo.errors import DemoError
from demo.progress import follow, progress_bars
from demo.service import running_service
from model.text.errors import StoriesUnavailableError
from model.text.poems.alphabet import Alphabet
from model.text.poems.checkpoint import load_poems
from model.text.poems.checks import faults
from model.text.poems.forms import regulated
from model.text.poems.poem import read_poems
from model.text.poems.script import to_traditional

HERE = Path(__file__).parent
POEMS = HERE / "poems" / "libai.txt"
OUT = HERE / "out" / "stories"
ASKED: dict[str, str | float] = {"form": "jueju", "title": "秋夜", "count": 3}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status. A thing that is missing is one sentence and status 1."""
    parser = argparse.ArgumentParser(prog="python -m demo.stories", description="Poems in, poems out.")
    parser.add_argument("poems", type=Path, nargs="*", metavar="FILE", help="default: twelve by 李白")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="default: demo/out/stories")
    given = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # unwinds, so the service is stopped
    try:
        run(given.poems or [POEMS], given.out, console)
    except (DemoError, StoriesUnavailableError, httpx.HTTPError, OSError) as error:
        console.print(f"[bold red]The demo failed:[/] {error}", markup=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    return 0


def run(files: Sequence[Path], out: Path, console: Console) -> None:
    """Start the service, learn, write three quatrains in every form of file. Raises DemoError."""
    started = time.monotonic()
    for path in files:
        if not path.is_file():
            raise DemoError(f"{path} is missing.")
    to_traditional("月")  # without the package that it needs, no worker could learn from poems
    count = sum(len(read_poems(path.read_text(encoding="utf-8"))) for path in files)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        log = out / "service.log"
        with console.status("starting the service: broker, worker, API"):
            url = stack.enter_context(running_service(log))
        console.print(f"The service runs at {url} (log: {log}).")
        client, bars = stack.enter_context(Client(url)), stack.enter_context(progress_bars(console))
        style = client.create_style(files, [], name="demo")
        learned = follow(client, bars, style.job_id, f"learning from {count} poems", unit="character")
        pending = client.generate("poems", style.id, **ASKED)
        follow(client, bars, pending.job_id, "writing, by characters", unit="character")
        made = client.generated("poems", pending.id)
        write_results(client, made, out)
    losses = learned["losses"]
    console.print(
        f"{losses['start']['nats']:.3f} nats a character before learning, {losses['end']['nats']:.3f} after"
    )
    alphabet = load_poems().alphabet
    for item in made["items"]:
        check(item["about"], alphabet)
        console.print(_told(item))
    console.print(f"Done in {time.monotonic() - started:.1f} s: everything is in {out}")


def write_results(client: Client, made: Json, out: Path) -> None:
    """The files of each result, and its report on originality beside them."""
    for item in made["items"]:
        name = f"poem-{item['position'] + 1}"
        for file in item["files"]:
            (out / f"{name}.{file['form']}").write_bytes(client.content(file["url"]))
        report = json.dumps(item["about"]["originality"], ensure_ascii=False, indent=1)
        (out / f"{name}.originality.json").write_text(report + "\n", encoding="utf-8")


def check(about: Json, alphabet: Alphabet) -> None:
    """Raise DemoError where a poem of regulated verse breaks its form: lines, tones, rhyme."""
    (poem,) = read_poems(to_traditional(about["text"]))
    found = faults(poem, regulated(about["form"]), alphabet)
    if found:
        raise DemoError(f"a poem does not keep to its form {about['form']}: {'; '.join(found)}")


def _told(item: Json) -> str:
    about = item["about"]
    shared = about["originality"]
    longest = max(shared["examples"]["longest"], shared["training"]["longest"])
    return (
        f"\n{about['text']}\nform {about['form']}: lines, tones and rhyme are right; the longest run shared "
        f"with a known poem: {f'{longest} characters' if longest else 'fewer than three characters'}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
