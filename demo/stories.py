"""Learn a poet whom the checkpoint never read, and write quatrains in that manner: ``make demo-stories``.

Over HTTP, as ``make demo`` does with pictures. The twelve poems are by 李白 (701-762), who is held out of
training, from ``demo/poems``; other texts can be named. Every quatrain is checked against its form again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from demo import command
from demo.errors import DemoError
from model.text.errors import StoriesUnavailableError
from model.text.poems.alphabet import Alphabet
from model.text.poems.checkpoint import load_poems
from model.text.poems.checks import faults
from model.text.poems.forms import regulated
from model.text.poems.poem import read_poems
from model.text.poems.script import to_traditional

Json = dict[str, Any]
HERE = Path(__file__).parent
POEMS = HERE / "poems" / "libai.txt"
OUT = HERE / "out" / "stories"
ASKED = {"form": "jueju", "title": "秋夜", "count": "3"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.stories", description="Poems in, poems out.")
    parser.add_argument("poems", type=Path, nargs="*", metavar="FILE", help="default: twelve by 李白")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="default: demo/out/stories")
    given = parser.parse_args(arguments)
    files = given.poems or [POEMS]
    return command.run(lambda console: run(files, given.out, console), (StoriesUnavailableError,))


def run(files: Sequence[Path], out: Path, console: Console) -> None:
    """Start the service, learn, write three quatrains in every form of file. Raises DemoError."""
    started = time.monotonic()
    command.check_files(files)
    to_traditional("月")  # without the package that it needs, no worker could learn from poems
    count = sum(len(read_poems(path.read_text(encoding="utf-8"))) for path in files)
    words = command.nats("character")
    with (
        command.service(out, console) as (url, client, bars),
        httpx.Client(base_url=url, timeout=60.0, trust_env=False) as http,
    ):
        style = client.create_style(files, name="demo")
        job, _ = command.follow(client, bars, style.job, f"learning from {count} poems", words=words)
        poem, job_id = ask(http, style.style.id)
        command.follow(client, bars, client.get_job(job_id), "writing, by characters", words=words)
        items = write_results(http, poem, out)
    console.print(command.learned(job, "character"))
    alphabet = load_poems().alphabet
    for item in items:
        check(item["about"], alphabet)
        console.print(_told(item))
    console.print(f"Done in {time.monotonic() - started:.1f} s: everything is in {out}")


def ask(http: httpx.Client, style_id: str) -> tuple[str, str]:
    """Ask for quatrains; the ids of the poem and of its job. The client library has no call for poems."""
    answer = http.post("/v1/poems", data={"style_id": style_id, **ASKED}).raise_for_status().json()
    return answer["poem"]["id"], answer["job"]["id"]


def write_results(http: httpx.Client, poem_id: str, out: Path) -> list[Json]:
    """Write the files of each result, and its report on originality beside them; the results."""
    items: list[Json] = http.get(f"/v1/poems/{poem_id}").raise_for_status().json()["items"]
    for item in items:
        name = f"poem-{item['position'] + 1}"
        for file in item["files"]:
            content = http.get(file["url"]).raise_for_status().content
            (out / f"{name}.{file['form']}").write_bytes(content)
        report = json.dumps(item["about"]["originality"], ensure_ascii=False, indent=1)
        (out / f"{name}.originality.json").write_text(report + "\n", encoding="utf-8")
    return items


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
