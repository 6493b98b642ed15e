"""What results are made from and judged beside: styles with their works, and photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.errors import SelectionError
from benchmarks.evaluation.groups import photos_of, read_groups
from benchmarks.evaluation.options import Options
from benchmarks.evaluation.selection import (
    MIN_UNSEEN,
    Artist,
    choose_artists,
    choose_photos,
    limited,
    load_work,
    pictures_in,
)


@dataclass(frozen=True)
class Material:
    """Styles and photos of one comparison.

    Args:
        unseen_above: results are judged beside works of the artist that no method saw, not the examples.
    """

    artists: Sequence[Artist]
    photos: Sequence[Path]
    k: int
    size: int
    seed: int
    unseen_above: bool

    def works(self, artist: Artist) -> list[Image.Image]:
        """What the results of an artist are judged beside."""
        paths = artist.unseen[: self.k] if self.unseen_above else artist.examples(self.k)
        return [load_work(path, self.size) for path in paths]

    def about(self) -> dict[str, int | bool]:
        """Numbers for a report."""
        return {"k": self.k, "size": self.size, "seed": self.seed, "unseen_above": self.unseen_above}


def choose_material(options: Options, *, unseen_above: bool) -> Material:
    """Styles and photos as the rest of the evaluation chooses them.

    A style needs works beside its examples only where those are shown.

    Raises:
        SelectionError: too few styles, works or photos, or two photos of one name.
    """
    k, groups = options.chosen_k, read_groups(options.groups, options.styles)
    artists = choose_artists(
        options.styles,
        ks=[k],
        main_k=k,
        seed=options.seed,
        groups=groups,
        least_unseen=MIN_UNSEEN if unseen_above else 0,
    )
    photos = choose_photos(
        photos_of(options.groups, groups, pictures_in(options.contents)),
        count=options.photos,
        seed=options.seed,
    )
    if len({photo.stem for photo in photos}) < len(photos):
        raise SelectionError("two of the photos differ in their endings only: rename one")
    chosen = limited(artists, options.limit, seed=options.seed)
    return Material(chosen, photos, k, options.size, options.seed, unseen_above)
