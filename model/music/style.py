"""A style of music: the adapted phi, what its examples are like, and their notes to compare with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from model.errors import StyleBaseMismatchError, StyleFormatError
from model.formats import MAX_STYLE_BYTES, METADATA_KEY, StyleHeader, read_metadata, read_style_header
from model.music.encoding import traits_of
from model.music.errors import ControlsError
from model.music.score import QUARTER, Meter, Score, Staff
from model.music.vocabulary import METERS

MODALITY = "music"


@dataclass(frozen=True)
class Profile:
    """What the examples have in common: what a composition has where nothing else is asked.

    Attributes:
        minor: the mode of most.
        tempo: quarters a minute, the median.
        meter: of most bars.
        density: notes a quarter, the median.
        register: mean pitch in the neutral key, the median of the classes.
        tonic: of most.
        voice: at least half of them have a voice.
    """

    minor: bool
    tempo: float
    meter: Meter
    density: float
    register: int
    tonic: int
    voice: bool

    @classmethod
    def of(cls, scores: Sequence[Score]) -> Profile:
        """The profile of some works."""
        traits = [traits_of(score) for score in scores]
        meters = Counter(bar.meter for score in scores for bar in score.bars if bar.meter in METERS)
        sung = sum(any(note.staff is Staff.VOICE for note in score.notes) for score in scores)
        return cls(
            minor=sum(score.key.minor for score in scores) * 2 > len(scores),
            tempo=round(median(score.tempo for score in scores), 1),
            meter=meters.most_common(1)[0][0] if meters else Meter(4, 4),
            density=round(median(len(score.notes) * QUARTER / max(1, score.ticks) for score in scores), 2),
            register=round(median(t.register for t in traits if t.register is not None)),
            tonic=Counter(score.key.tonic for score in scores).most_common(1)[0][0],
            voice=sung * 2 >= len(scores),
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Profile:
        """As stored in a style file."""
        meter = Meter(int(values["meter"]["beats"]), int(values["meter"]["unit"]))
        if meter not in METERS:
            raise ValueError(f"no meter {meter}")
        return cls(
            minor=bool(values["minor"]),
            tempo=float(values["tempo"]),
            meter=meter,
            density=float(values["density"]),
            register=int(values["register"]),
            tonic=int(values["tonic"]) % 12,
            voice=bool(values["voice"]),
        )


@dataclass(frozen=True)
class MusicStyle:
    """One composer's phi.

    Attributes:
        phi: without the task dimension, float32.
        header: base, number of examples, steps, losses.
        profile: of the examples.
        index: lines of the examples, as ``model.music.originality.build_index`` makes them.
        works: their names.
    """

    phi: dict[str, Tensor]
    header: StyleHeader
    profile: Profile
    index: dict[str, Tensor]
    works: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """safetensors, phi in fp16: about 40 kB for five songs."""
        tensors = {f"phi/{k}": v.detach().half().contiguous() for k, v in self.phi.items()}
        tensors |= {f"index/{k}": v.contiguous() for k, v in self.index.items()}
        about = json.loads(self.header.to_json()) | {
            "modality": MODALITY,
            "profile": asdict(self.profile),
            "works": list(self.works),
        }
        return save_tensors(tensors, metadata={METADATA_KEY: json.dumps(about, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes, *, base_hash: str, shapes: dict[str, torch.Size]) -> MusicStyle:
        """Read a style file of the music checkpoint ``base_hash`` whose phi has these ``shapes``.

        Raises:
            StyleFormatError: no style, a style of pictures, or a damaged one.
            StyleBaseMismatchError: a style of another checkpoint.
        """
        if len(data) > MAX_STYLE_BYTES:
            raise StyleFormatError(f"the style has {len(data):,} bytes, more than {MAX_STYLE_BYTES:,}")
        header = read_style_header(data)
        if header.modality != MODALITY:
            raise StyleFormatError(
                f"the style was learned from {header.modality} examples: compose with one that was learned "
                "from MIDI or MusicXML files (`fewstroke adapt songs/*.mid`)"
            )
        if header.base_hash != base_hash:
            raise StyleBaseMismatchError(
                f"the style was adapted from base {header.base_hash[:12]}, but base {base_hash[:12]} is "
                "loaded: learn it again from its examples (`fewstroke adapt`), or load its own base"
            )
        about = read_metadata(data, what="style")
        try:
            tensors = load_tensors(data)
            profile = Profile.from_dict(about["profile"])
            works = tuple(str(name)[:300] for name in about["works"])
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StyleFormatError(f"the style cannot be read: {error}") from error
        phi = {k.removeprefix("phi/"): v.float() for k, v in tensors.items() if k.startswith("phi/")}
        if {name: value.shape for name, value in phi.items()} != shapes:
            raise StyleFormatError("the style's tensors do not fit the network: the file is damaged")
        if not all(bool(torch.isfinite(value).all()) for value in phi.values()):
            raise StyleFormatError("the style holds numbers that are not finite")
        index = {k.removeprefix("index/"): v for k, v in tensors.items() if k.startswith("index/")}
        if set(index) != {"events", "bars", "lines"} or not _whole(index, len(works)):
            raise StyleFormatError("the notes of the style's examples are damaged")
        return cls(phi, header, profile, index, works)


def _whole(index: dict[str, Tensor], works: int) -> bool:
    events, bars, lines = index["events"], index["bars"], index["lines"]
    if events.dtype != torch.uint16 or bars.dtype != torch.uint16 or lines.dtype != torch.int32:
        return False
    if events.ndim != 1 or bars.shape != events.shape or lines.ndim != 2 or lines.shape[1] != 3:
        return False
    starts, owners, staves = lines.unbind(1)
    return bool(
        ((starts >= 0) & (starts < len(events))).all()
        and (starts.diff() > 0).all()
        and ((owners >= 0) & (owners < works)).all()
        and ((staves >= 0) & (staves < len(Staff))).all()
    )


def blend_music_styles(parts: Sequence[tuple[MusicStyle, float]]) -> MusicStyle:
    """One style between several: the weighted mean of their phi. The profile is that of the heaviest part.

    Raises:
        ControlsError: without parts or without weight.
    """
    weights = [weight for _, weight in parts]
    if not parts or min(weights) < 0 or sum(weights) <= 0:
        raise ControlsError("A blend needs styles with weights of at least 0, and one above 0.")
    styles = [style for style, _ in parts]
    total = sum(weights)
    phi = {
        name: torch.stack([w / total * s.phi[name] for s, w in zip(styles, weights, strict=True)]).sum(0)
        for name in styles[0].phi
    }
    events: list[Tensor] = []
    bars: list[Tensor] = []
    lines: list[Tensor] = []
    works: list[str] = []
    for style in styles:
        rows = style.index["lines"].clone()
        rows[:, 0] += sum(part.numel() for part in events)
        rows[:, 1] += len(works)
        events.append(style.index["events"])
        bars.append(style.index["bars"])
        lines.append(rows)
        works += style.works
    heaviest = styles[weights.index(max(weights))]
    index = {"events": _cat(events), "bars": _cat(bars), "lines": torch.cat(lines)}
    return MusicStyle(phi, heaviest.header, heaviest.profile, index, tuple(works))


def _cat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.int() for part in parts]).to(torch.uint16)  # torch has no cat of uint16 everywhere
