"""All figures of results beside the works that they are judged beside, and of a sky in every style."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from benchmarks.errors import MissingResultError
from benchmarks.evaluation.figures import sky
from benchmarks.evaluation.figures.distances import SIDES, Viewer, seen_at
from benchmarks.evaluation.figures.surface import flat_share, octave_distance, octave_energy
from benchmarks.evaluation.selection import Artist, to_tensor
from benchmarks.evaluation.sources import Source

# figures of a result: each says how far it is from the works, so less is better
FIGURES = {
    **{f"gram_{side}": f"Gram matrices of EfficientNet-Lite0, seen at {side} px" for side in SIDES},
    **{f"emd_{side}": f"relaxed earth mover's distance of its features, seen at {side} px" for side in SIDES},
    "flat": "share of even area, against the works'",
    "octaves": "gradient energy by octave, against the works'",
}
SKY_FIGURES = {
    "deviation": "standard deviation of a clear sky, grey levels",
    "scan_lines": "lines across a sky of 8-bit steps, grey levels",
    "lattice": "share of a clear sky's variance in one frequency",
    "halo": "brightness around a tower before the sky, grey levels",
}


@dataclass(frozen=True)
class Surface:
    """What the even areas and gradients of works are, on average."""

    flat: float
    octaves: Tensor  # (OCTAVES,)

    @classmethod
    def of(cls, pictures: Sequence[Image.Image]) -> "Surface":
        """Each picture counts the same."""
        batches = [to_tensor(picture)[None] for picture in pictures]
        octaves = sum(octave_energy(batch)[0] for batch in batches) / len(batches)
        assert isinstance(octaves, Tensor)
        return cls(sum(float(flat_share(batch)) for batch in batches) / len(batches), octaves)


class StyleMeter:
    """Measures results beside the works of one style."""

    def __init__(self, viewer: Viewer, works: Sequence[Image.Image]) -> None:
        self._viewer, self._works = viewer, works
        self._seen = viewer.works(works)
        self._surfaces: dict[int, Surface] = {}

    def surface(self, side: int) -> Surface:
        """Of the works with their longer sides at ``side``, as results are; smaller works as they are."""
        if side not in self._surfaces:
            self._surfaces[side] = Surface.of([seen_at(work, side) or work for work in self._works])
        return self._surfaces[side]

    def halo(self) -> float:
        """How much brighter the works are beside their strongest edges than farther out."""
        lumas = [sky.luma_of(work) for work in self._works]
        return sum(sky.halo(luma, sky.strong_contour(luma)) for luma in lumas) / len(lumas)

    def figures(self, result: Image.Image) -> dict[str, float]:
        """``FIGURES`` of one result, those that its size allows; ``flat_share`` is the share itself."""
        own, theirs = Surface.of([result]), self.surface(max(result.size))
        return {
            **self._viewer.distances(result, self._seen),
            "flat": abs(own.flat - theirs.flat),
            "octaves": float(octave_distance(own.octaves, theirs.octaves)),
            "flat_share": own.flat,
        }


def write_sky_photos(folder: Path, size: int) -> dict[str, Path]:
    """The photos of ``sky.PHOTOS`` as files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.png" for name in sky.PHOTOS}
    for name, path in paths.items():
        sky.PHOTOS[name](size).save(path)
    return paths


def sky_figures(source: Source, artist: Artist, photos: dict[str, Path]) -> dict[str, float] | None:
    """``SKY_FIGURES`` of one method in one style; None where a folder of results has no such photos."""
    try:
        results = {name: source.result(artist, path) for name, path in photos.items()}
    except MissingResultError:
        return None
    lumas = {}
    for name, path in results.items():
        with Image.open(path) as picture:
            lumas[name] = sky.luma_of(picture)
    clear, tower = sky.sky_region(lumas["clear-sky"]), lumas["tower-before-sky"]
    return {
        "deviation": sky.deviation(clear),
        "scan_lines": sky.scan_lines(sky.sky_region(lumas["gradient-sky"])),
        "lattice": sky.lattice(clear),
        "halo": sky.halo(tower, sky.tower_contour((tower.shape[1], tower.shape[0]))),
    }
