"""``fewstroke evaluate --figures``: figures of several methods on the same styles and photos."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.figures.distances import Viewer
from benchmarks.evaluation.figures.measure import StyleMeter, sky_figures, write_sky_photos
from benchmarks.evaluation.figures.report import Figures, Measured
from benchmarks.evaluation.material import choose_material
from benchmarks.evaluation.options import Options
from benchmarks.evaluation.renderings import make_source
from benchmarks.evaluation.second_network import SecondNetwork
from benchmarks.evaluation.sources import parse_method
from benchmarks.machine import library_versions, machine_info

SKY_FOLDER = "sky-photos"


def measure_figures(
    methods: Sequence[str],
    selection: Options,
    pictures: Path,
    say: Callable[[str], None],
    *,
    unseen_above: bool = False,
) -> tuple[Figures, list[Path]]:
    """Render what is missing, measure everything, write JSON and Markdown; returns both.

    Raises ``BenchmarkError`` or ``model.errors.ModelError``.
    """
    specs = [parse_method(text) for text in methods]
    if len({spec.slug for spec in specs}) < len(specs):
        raise BenchmarkError("two of the methods have one name: give every one its own")
    material = choose_material(selection, unseen_above=unseen_above)
    viewer = Viewer(SecondNetwork())
    say("looking at the works")
    meters = {artist.name: StyleMeter(viewer, material.works(artist)) for artist in material.artists}
    figures = Figures({}, [spec.name for spec in specs])
    for style, meter in meters.items():
        surface = meter.surface(material.size)
        figures.works[style] = {"flat_share": surface.flat, "halo": meter.halo()}
    sky_photos = write_sky_photos(pictures / SKY_FOLDER, material.size)
    abouts = {}
    for spec in specs:
        source = make_source(spec, pictures, selection)
        skies = figures.skies[spec.name] = {}
        for number, artist in enumerate(material.artists, start=1):
            say(f"{source.name}: style {number} of {len(material.artists)}, {artist.name}")
            for photo in material.photos:
                with Image.open(source.result(artist, photo)) as picture:
                    found = meters[artist.name].figures(picture.convert("RGB"))
                figures.results.append(Measured(spec.name, artist.name, photo.stem, found))
            if (sky := sky_figures(source, artist, sky_photos)) is not None:
                skies[artist.name] = sky
        abouts[spec.name] = source.about()
    figures.about = material.about() | {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "methods": abouts,
        "machine": machine_info(),
        "libraries": library_versions(),
    }
    slugs = "-".join(spec.slug for spec in specs)
    name = f"figures-{slugs}-k{material.k}-{material.size}px-{len(material.artists)}styles"
    selection.out.mkdir(parents=True, exist_ok=True)
    files = [selection.out / f"{name}.json", selection.out / f"{name}.md"]
    files[0].write_text(json.dumps(figures.document(), indent=1) + "\n")
    files[1].write_text(figures.markdown())
    return figures, files
