"""What a signed manifest costs a result, in bytes and milliseconds (``python -m benchmarks.signing``)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from app.imaging.clip_reader import Frame
from app.imaging.clip_writer import write_clip
from app.imaging.encode import encode
from app.imaging.formats import ClipFormat, OutputFormat
from app.provenance.signer import Claim, Signer
from app.provenance.xmp import packet, tool
from app.settings import Settings

_PHOTO = Path(__file__).parents[1] / "model" / "image" / "photos"
_TIMES = 50
_RECORD = {
    "app": tool(),
    "job_id": "job_" + "0" * 26,
    "modality": "image",
    "base_hash": "0" * 64,
    "styles": [{"id": "sty_" + "0" * 26, "weight": 1.0, "k": 5, "steps": 24, "seed": 0}],
    "outside_style": None,
    "masked": False,
    "strength": 1.0,
    "abstraction": 0.5,
    "stroke_size": 1.0,
    "preserve_color": False,
    "size": 1280,
}


def _files(photo: Image.Image) -> Iterator[tuple[str, str, bytes]]:
    """Name, media type and bytes of a result in each format."""
    large = photo.resize((1280, 853))
    for output in OutputFormat:
        yield f"{output} 1280 x 853", output.media_type, encode(large, output, xmp=packet(tool(), _RECORD))
    frames = [Frame(photo.rotate(angle).resize((640, 426)), 100) for angle in range(10)]
    for form in (ClipFormat.WEBP, ClipFormat.GIF, ClipFormat.APNG, ClipFormat.MP4):
        with TemporaryDirectory() as folder:
            target = Path(folder, f"clip{form.suffix}")
            write_clip(target, frames, form)
            yield f"{form}, 10 frames of 640 x 426", form.media_type, target.read_bytes()


def main() -> None:
    """Print a table."""
    photo = Image.open(next(iter(sorted(_PHOTO.glob("*.jpg"))))).convert("RGB")
    with TemporaryDirectory() as folder:
        signer = Signer.of(Settings(data_dir=Path(folder)))
        print("| result | kB | manifest, kB | ms of a processor |\n|---|---|---|---|")
        for name, media_type, data in _files(photo):
            before = time.process_time()  # others on the machine do not count
            for _ in range(_TIMES):
                signed = signer.sign(data, media_type, Claim(_RECORD))
            spent = 1000 * (time.process_time() - before) / _TIMES
            more = (len(signed) - len(data)) / 1000
            print(f"| {name} | {len(data) / 1000:.0f} | {more:.1f} | {spent:.1f} |")


if __name__ == "__main__":
    main()
