"""Learn a poet and an author whom training never read, and write in their manner: ``make demo-stories``.

Over HTTP, as ``make demo`` does with pictures. Twelve poems by 李白 (701-762) become three quatrains, each
checked against its form again; four stretches of two books by Oscar Wilde (1854-1900) become a story of 200
to 300 words, which appears as it is written. Both are held out of training. Other texts can be named; their
language decides.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from demo import command
from demo.errors import DemoError
from fewstroke_client import (
    Client,
    JobEvent,
    PoemAbout,
    PoemPiece,
    StoryAbout,
    StoryPiece,
    TextEvent,
)
from model.text.errors import ReadingError, StoriesUnavailableError
from model.text.poems.alphabet import Alphabet
from model.text.poems.checkpoint import load_poems
from model.text.poems.checks import faults
from model.text.poems.forms import regulated
from model.text.poems.poem import read_poems
from model.text.poems.script import to_traditional
from model.text.reading import language_of, read_text
from model.text.stories.package import package_file

HERE = Path(__file__).parent
POEMS = (HERE / "poems" / "libai.txt",)
PROSE = tuple(sorted((HERE / "prose").glob("*.txt")))
OUT = HERE / "out" / "stories"
TITLE, LENGTH = "The Lamp on the Hill", 250
SHORTEST, LONGEST = 200, 300  # words of the story


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.stories", description="Texts in, texts out.")
    parser.add_argument("texts", type=Path, nargs="*", metavar="FILE", help="default: by 李白, and by Wilde")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="default: demo/out/stories")
    given = parser.parse_args(arguments)
    files = given.texts or [*POEMS, *PROSE]
    expected = (ReadingError, StoriesUnavailableError)
    return command.run(lambda console: run(files, given.out, console), expected)


def run(files: Sequence[Path], out: Path, console: Console) -> None:
    """Start the service, and learn and write in every language of the files. Raises DemoError."""
    started = time.monotonic()
    command.check_files(files)
    languages = {path: language_of([read_text(path.read_bytes(), path.stem)]) for path in files}
    poems = [path for path, language in languages.items() if language == "zh"]
    prose = [path for path, language in languages.items() if language == "en"]
    if poems:
        to_traditional("月")  # without the package that it needs, no worker could learn from poems
    if prose:
        package_file()  # nor from prose without the language model
    with command.service(out, console) as (_, client, bars):
        if poems:
            write_poems(client, bars, poems, out, console)
        if prose:
            write_story(client, bars, prose, out, console)
    console.print(f"Done in {time.monotonic() - started:.1f} s: everything is in {out}")


def write_poems(client: Client, bars: Progress, files: Sequence[Path], out: Path, console: Console) -> None:
    """Learn a poet, write quatrains and check them. Raises DemoError."""
    count = sum(len(read_poems(path.read_text(encoding="utf-8"))) for path in files)
    words = command.nats("character")
    style = client.create_style(files, name="a poet")
    job, _ = command.follow(client, bars, style.job, f"learning from {count} poems", words=words)
    pending = client.create_poem(style.style.id, form="jueju", title="秋夜", count=3)
    command.follow(client, bars, pending.job, "writing, by characters", words=words)
    console.print(command.learned(job, "character"))
    alphabet = load_poems().alphabet
    for item in client.get_poem(pending.poem).items:
        write_files(client, item, "poem", out)
        about = item.about
        check_poem(about, alphabet)
        console.print(
            f"\n{about.text}\nform {about.form}: lines, tones and rhyme are right; the longest run "
            f"shared with a known poem: {_longest(about, 'characters', 3)}\n"
        )


def write_story(client: Client, bars: Progress, files: Sequence[Path], out: Path, console: Console) -> None:
    """Learn an author, and show a story as it is written. Raises DemoError."""
    style = client.create_style(files, name="an author")
    what = f"learning from {len(files)} texts"
    job, _ = command.follow(client, bars, style.job, what, words=command.nats("token"))
    console.print(command.learned(job, "token"))
    pending = client.create_story(style.style.id, title=TITLE, length=LENGTH)
    asked = time.monotonic()
    shown: list[float] = []  # when each sentence came

    def show(event: JobEvent) -> None:
        if isinstance(event, TextEvent):
            shown.append(time.monotonic() - asked)
            console.print(event.text.strip(), markup=False)

    console.print(f"\n{TITLE}\n", markup=False)
    client.wait(pending.job, timeout=command.JOB_WITHIN, on_event=show)
    seconds = time.monotonic() - asked
    (item,) = client.get_story(pending.story).items
    write_files(client, item, "story", out)
    check_story(item.about)
    first = shown[0] if shown else seconds
    console.print(
        f"\n{item.about.words} words in {seconds:.0f} s, the first after {first:.1f} s; "
        f"the longest run shared with an example or a training work: {_longest(item.about, 'words', 4)}\n"
    )


def write_files(client: Client, item: PoemPiece | StoryPiece, noun: str, out: Path) -> None:
    """The files of a result, and its report on originality beside them."""
    name = f"{noun}-{item.position + 1}"
    for file in item.files:
        client.download_file(file, out / f"{name}.{file.form}")
    report = json.dumps(asdict(item.about.originality), ensure_ascii=False, indent=1)
    (out / f"{name}.originality.json").write_text(report + "\n", encoding="utf-8")


def check_poem(about: PoemAbout, alphabet: Alphabet) -> None:
    """Raise DemoError where a poem of regulated verse breaks its form: lines, tones, rhyme."""
    (poem,) = read_poems(to_traditional(about.text))
    found = faults(poem, regulated(about.form), alphabet)
    if found:
        raise DemoError(f"a poem does not keep to its form {about.form}: {'; '.join(found)}")


def check_story(about: StoryAbout) -> None:
    """Raise DemoError where a story has another length than was asked for, or stops within a sentence."""
    if not SHORTEST <= about.words <= LONGEST:
        raise DemoError(f"the story has {about.words} words, not {SHORTEST} to {LONGEST}")
    if about.text.rstrip("\"'”’)")[-1:] not in (".", "!", "?"):
        raise DemoError("the story stops within a sentence")


def _longest(about: PoemAbout | StoryAbout, unit: str, least: int) -> str:
    shared = about.originality
    longest = max(shared.examples.longest, shared.training.longest)
    return f"{longest} {unit}" if longest else f"fewer than {least} {unit}"


if __name__ == "__main__":
    sys.exit(main())
