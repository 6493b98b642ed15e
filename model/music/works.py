"""The works that training and measuring read: songs in folders by composer, tokenised once."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from model.music.encoding import EncodedSong, Traits, encode
from model.music.errors import WorkError
from model.music.midi import read_midi
from model.music.vocabulary import METERS, VOCABULARY

HELD_OUT = (
    "Faure_Gabriel", "Schumann_Clara", "Viardot_Pauline", "Satie_Erik", "Arne_Thomas", "Bridge_Frank",
    "Gonzaga_Chiquinha", "Grandval_Clemence_de", "Hardelot_Guy_d", "Coleridge_Taylor_Samuel", "Parry_Hubert",
    "Burleigh_Harry_Thacker", "Greger_Luise", "Stanford_Charles_Villiers", "Beach_Amy",
)  # fmt: skip
"""Composers that no training sees: for the reported figures alone."""

VALIDATION = (
    "Elgar_Edward",
    "Gray_Louisa",
    "Mahler_Gustav",
    "Munktell_Helena",
    "Lehmann_Amelia",
    "Jaell_Marie",
)
"""Composers that no training sees: for choosing steps, rates and sizes."""


@dataclass(frozen=True)
class Work:
    """One song of a data set."""

    composer: str
    cycle: str  # works of one cycle resemble each other: support and query come from different ones
    name: str
    title: str
    song: EncodedSong


def read_works(root: Path) -> list[Work]:
    """All works below ``root``: ``<composer>/*.mid``, with the cycles of ``music.csv`` beside it.

    Without a table every work is a cycle of its own. Works that cannot be read are left out.
    """
    rows: dict[str, dict[str, str]] = {}
    table = root.parent / "music.csv"
    if table.exists():
        with table.open(newline="") as file:
            rows = {row["file"]: row for row in csv.DictReader(file)}
    works = []
    for path in sorted(root.glob("*/*.mid")):
        name = f"{path.parent.name}/{path.name}"
        row = rows.get(name, {})
        title = row.get("title") or path.stem
        try:
            song = encode(read_midi(path.read_bytes(), title=title))
        except WorkError:
            continue
        works.append(Work(path.parent.name, row.get("set") or title, path.stem, title, song))
    return works


def save_works(path: Path, works: Sequence[Work]) -> None:
    """Keep tokenised works in one ``.npz``."""
    lengths = [len(bar) for work in works for bar in work.song.bars]
    meters = [METERS.index(meter) for work in works for meter in work.song.meters]
    tokens = np.concatenate([np.array(bar, np.int16) for work in works for bar in work.song.bars])
    about = [[w.composer, w.cycle, w.name, w.title, len(w.song.bars), asdict(w.song.traits)] for w in works]
    temporary = path.with_suffix(".tmp.npz")
    np.savez(
        temporary,
        tokens=tokens,
        lengths=np.array(lengths, np.int32),
        meters=np.array(meters, np.int8),
        about=np.array(json.dumps(about)),
        vocabulary=np.array(VOCABULARY.size),
    )
    temporary.replace(path)


def load_works(path: Path) -> list[Work]:
    """What ``save_works`` kept."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        ends = np.cumsum(file["lengths"])
        tokens, meters = file["tokens"], file["meters"]
    works, bar, at = [], 0, 0
    for composer, cycle, name, title, count, traits in about:
        bars = []
        for end in ends[bar : bar + count]:
            bars.append(tuple(int(token) for token in tokens[at:end]))
            at = int(end)
        song = EncodedSong(Traits(**traits), tuple(METERS[m] for m in meters[bar : bar + count]), tuple(bars))
        works.append(Work(composer, cycle, name, title, song))
        bar += count
    return works


def cached_works(root: Path, cache: Path) -> list[Work]:
    """``read_works``, tokenised once into ``cache``."""
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        save_works(cache, read_works(root))
    return load_works(cache)


def by_composer(works: Iterable[Work]) -> dict[str, list[Work]]:
    """Works grouped by composer."""
    groups: dict[str, list[Work]] = {}
    for work in works:
        groups.setdefault(work.composer, []).append(work)
    return groups


def training_works(works: Iterable[Work]) -> list[Work]:
    """Those of composers that are not kept apart."""
    apart = {*HELD_OUT, *VALIDATION}
    return [work for work in works if work.composer not in apart]
