"""Convert a picture to sRGB from whatever its file says that its numbers mean.

It is the first that is done to them: profiles, and the colour that stands for transparency, are about the
numbers of the file, in its own mode and depth.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image, ImageCms

from app.imaging.png import PngHeader, read_deep, read_header

if TYPE_CHECKING:  # most pictures need no NumPy
    import numpy as np
    from numpy.typing import NDArray

    from app.imaging.color_encodings import Encoding

_SRGB = ImageCms.createProfile("sRGB")
_USUAL_GAMMA = (0.45, 0.46)  # what says sRGB in files that are older than it
_BOXES = 64 * 1024  # bytes of a file in which its properties are
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")


@dataclass(frozen=True)
class Meaning:
    """What the numbers of a file mean: by a profile (ICC), or by primaries and a curve; nothing: sRGB.

    ``png``: of a PNG, what Pillow does not tell.
    """

    profile: bytes | None = None
    encoding: Encoding | None = None
    narrow: bool = False  # 16 to 235 are black and white
    png: PngHeader | None = None


def meaning_of(image: Image.Image, file: BinaryIO) -> Meaning:
    """Of an opened picture and its file, as browsers see it: cICP, else a profile, else sRGB, else gAMA;
    of HEIF its colour box."""
    png = read_header(file) if image.format == "PNG" else None
    if png is not None and png.cicp is not None:
        from app.imaging.color_encodings import encoding

        primaries, curve, _, full = png.cicp
        found = encoding(primaries, curve)
        return Meaning(encoding=None if found.is_srgb else found, narrow=not full, png=png)
    if profile := image.info.get("icc_profile"):
        return Meaning(profile=profile, png=png)
    if image.format in ("AVIF", "HEIF") and (boxed := _of_nclx(image, file)) is not None:
        return Meaning(encoding=boxed)
    if png is not None and "srgb" not in image.info and image.info.get("gamma"):
        return Meaning(encoding=_of_gamma(image.info["gamma"], image.info.get("chromaticity")), png=png)
    return Meaning(png=png)


def srgb(image: Image.Image, meant: Meaning, file: BinaryIO, size: tuple[int, int]) -> Image.Image:
    """RGB or RGBA in sRGB, at a size. The picture is loaded when it is not yet; ``file`` is its file.

    Eight bits are resized first, which is quicker; more are converted first, which keeps them.
    """
    deep = meant.png is not None and meant.png.cut and (_converts(meant) or "transparency" in image.info)
    if deep:
        assert meant.png is not None
        return _resized(_of_deep(read_deep(file, meant.png), image, meant), size)
    image.load()
    colours, alpha = _apart(image, meant)
    if colours.mode == "I;16":
        return _resized(_together(_converted(colours, meant), alpha), size)
    if alpha is None:
        colours = _resized(colours, size)
    elif colours.size != size:
        whole = _resized(_together(colours, alpha), size)
        colours, alpha = whole.convert(colours.mode), whole.getchannel("A")
    return _together(_converted(colours, meant), alpha)


def _converts(meant: Meaning) -> bool:
    return meant.profile is not None or meant.encoding is not None or meant.narrow


def _apart(image: Image.Image, meant: Meaning) -> tuple[Image.Image, Image.Image | None]:
    """The colours (L, I;16, RGB or CMYK) and the alpha (L), if there is one."""
    key = image.info.get("transparency")
    if image.mode in ("1", "L") and isinstance(key, int):
        depth = meant.png.depth if meant.png is not None else 8
        grey = image.convert("L")
        if image.mode == "L":  # the key is in the file's own depth
            key = key * 255 // (2**depth - 1)
        return grey, grey.point([0 if level == key else 255 for level in range(256)])
    if image.mode.startswith("I;16"):
        grey = image if image.mode == "I;16" else image.convert("I").convert("I;16")
        return grey, _away_from(grey, key) if isinstance(key, int) else None
    if image.mode in ("RGBA", "PA", "RGBa") or (image.mode in ("RGB", "P") and key is not None):
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in ("LA", "La"):
        whole = image.convert("LA")
        return whole.getchannel("L"), whole.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _away_from(grey: Image.Image, key: int) -> Image.Image:
    import numpy as np

    return Image.fromarray((np.asarray(grey) != key).astype(np.uint8) * np.uint8(255))


def _together(colours: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha is None:
        return colours
    return Image.merge("LA" if colours.mode == "L" else "RGBA", (*colours.split(), alpha))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Colours count by their alpha: those that are not seen do not bleed."""
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _converted(colours: Image.Image, meant: Meaning) -> Image.Image:
    """RGB in sRGB. A profile that cannot be used is ignored, as browsers do."""
    if meant.profile is not None and (done := _by_profile(colours, meant.profile)):
        return done
    if meant.encoding is not None or meant.narrow:
        import numpy as np

        values = np.asarray(colours if colours.mode in ("L", "I;16") else colours.convert("RGB"))
        deep = values if values.dtype == np.uint16 else values.astype(np.uint16) * np.uint16(257)
        return Image.fromarray(_by_encoding(deep, meant))
    if colours.mode == "I;16":
        import numpy as np

        levels = (np.asarray(colours).astype(np.uint32) * 255 + 32767) // 65535
        colours = Image.fromarray(levels.astype(np.uint8))
    return colours.convert("RGB")


def _by_profile(colours: Image.Image, profile: bytes) -> Image.Image | None:
    """None where the profile cannot be used, or is about another kind of colours."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        kind = source.profile.xcolor_space.strip()
        if kind == "RGB" and colours.mode in ("L", "I;16"):
            colours = _converted(colours, Meaning())
        if kind != {"L": "GRAY", "I;16": "GRAY"}.get(colours.mode, colours.mode):
            return None
        # LittleCMS halves what it is given of 16 bits where it may.
        flags = ImageCms.Flags.NOOPTIMIZE if colours.mode == "I;16" else ImageCms.Flags.NONE
        return ImageCms.profileToProfile(colours, source, _SRGB, outputMode="RGB", flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _by_encoding(values: NDArray[np.uint16], meant: Meaning) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) in 0..65535 -> (H, W, 3) sRGB levels."""
    import numpy as np

    from app.imaging.color_encodings import Encoding, to_srgb

    if meant.narrow:
        black, white = 16 * 257, 235 * 257
        stretched = (values.astype(np.float32) - black) * (65535 / (white - black))
        values = np.clip(stretched, 0, 65535).astype(np.uint16)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    return to_srgb(values, meant.encoding or Encoding())


def _of_deep(values: NDArray[np.uint16], image: Image.Image, meant: Meaning) -> Image.Image:
    """RGB or RGBA of (H, W, C) with 2, 3 or 4 channels."""
    import numpy as np

    from app.imaging.color_encodings import to_srgb
    from app.imaging.icc import matrix_profile

    alpha = None
    if values.shape[2] != 3:
        values, alpha = values[..., :-1], (values[..., -1] >> 8).astype(np.uint8)
    elif isinstance(key := image.info.get("transparency"), tuple):
        alpha = (values != np.array(key, np.uint16)).any(2).astype(np.uint8) * np.uint8(255)
    if values.shape[2] == 1:
        colours = _converted(Image.fromarray(np.ascontiguousarray(values[..., 0])), meant)
    elif meant.profile is None:
        colours = Image.fromarray(_by_encoding(values, meant))
    elif (matrixed := matrix_profile(meant.profile)) is not None:
        colours = Image.fromarray(to_srgb(values, matrixed))
    else:
        colours = _converted(Image.fromarray((values >> 8).astype(np.uint8)), meant)
    return _together(colours, Image.fromarray(alpha) if alpha is not None else None)


def _of_nclx(image: Image.Image, file: BinaryIO) -> Encoding | None:
    """Of HEIF's colour box (H.273's numbers); None where there is none, or it says sRGB."""
    from app.imaging.color_encodings import encoding

    numbers = image.info.get("nclx_profile")
    if isinstance(numbers, dict):
        found = encoding(numbers["color_primaries"], numbers["transfer_characteristics"])
        return None if found.is_srgb else found
    file.seek(0)
    head = file.read(_BOXES)
    at = head.find(b"colrnclx") + 8
    if at < 8 or len(head) < at + 4:
        return None
    found = encoding(*struct.unpack_from(">HH", head, at))
    return None if found.is_srgb else found


def _of_gamma(gamma: float, chromaticity: Any) -> Encoding | None:
    """Of PNG's gAMA and cHRM; None where they say sRGB, or nothing that can be."""
    from app.imaging.color_encodings import SRGB, Encoding, is_possible

    primaries = SRGB
    if isinstance(chromaticity, tuple) and len(chromaticity) == 8:
        white, *others = (chromaticity[i : i + 2] for i in range(0, 8, 2))
        found = tuple(number for pair in (*others, white) for number in pair)
        if max(abs(a - b) for a, b in zip(found, SRGB, strict=True)) > 0.001 and is_possible(found):
            primaries = found
    usual = _USUAL_GAMMA[0] <= gamma <= _USUAL_GAMMA[1]
    meant = Encoding(primaries, gamma=None if usual else gamma)
    return None if meant.is_srgb else meant
