"""Tables of a run on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import table

Row = Mapping[str, Any]

LATE = "not measured, out of time: "  # begins the record of what a section had no time for


def page(document: Mapping[str, Any]) -> str:
    """Markdown; sections without rows are left out, errors are told at the end."""
    parts = [
        f"# {document['device']}",
        f"{document['machine']['processor']}, {document['machine']['cores']} cores; torch "
        f"{document['libraries'].get('torch', '?')}; checkpoint {document['checkpoint'][:8]}; "
        f"renders with {document['renders_with']}; measured at {document['measured_at']}.",
    ]
    parts += sections(document)
    late = [each["text"].removeprefix(LATE) for each in document["errors"] if each["text"].startswith(LATE)]
    parts += [
        f"{each['section']}: {_line(each['text'])}"
        for each in document["errors"]
        if not each["text"].startswith(LATE)
    ]
    if late:
        parts.append(f"{LATE.capitalize()}{'; '.join(late)}.")
    return "\n\n".join(parts) + "\n"


def sections(document: Mapping[str, Any]) -> list[str]:
    """The tables alone, each under its heading."""
    parts = []
    for name, rows in document["sections"].items():
        if rows:
            title, columns = _TABLES[name]
            shown = [[tell(row) for _, tell in columns] for row in rows]
            parts += [f"## {title}", table([head for head, _ in columns], shown)]
            parts += _errors(rows)
    return parts


def _errors(rows: Sequence[Row]) -> list[str]:
    told = []
    for row in rows:
        for key, value in row.items():
            if key.endswith("_error"):
                which = ", ".join(str(row[k]) for k in list(row)[:3] if not k.endswith("_error"))
                told.append(f"{which}: {key.removesuffix('_error')} failed: {_line(value)}")
    return told


def _line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""


def _text(key: str) -> Any:
    return lambda row: str(row.get(key, "-"))


def _number(key: str, form: str = "{:.2f}") -> Any:
    return lambda row: form.format(row[key]) if row.get(key) is not None else "-"


def _share(key: str) -> Any:
    return _number(key, "{:.1%}")


_MS, _MIB = "{:.3f} ms", "{:.0f} MiB"
_TABLES: dict[str, tuple[str, list[tuple[str, Any]]]] = {
    "ceilings": (
        "Ceilings",
        [
            ("what", _text("ceiling")),
            ("of", _text("of")),
            ("rate", _number("rate", "{:,.1f}")),
            ("unit", _text("unit")),
        ],
    ),
    "stylize": (
        "Stylization, a picture",
        [
            ("side", _text("side")),
            ("batch", _text("batch")),
            ("network", _number("eager_milliseconds", _MS)),
            ("pictures/s", _number("eager_pictures_a_second", "{:.0f}")),
            ("of the FLOP roof", _share("eager_flop_share")),
            ("of the byte roof", _share("eager_byte_share")),
            ("cuDNN tuned", _number("tuned_milliseconds", _MS)),
            ("CUDA graph", _number("graph_milliseconds", _MS)),
            ("graph, pictures/s", _number("graph_pictures_a_second", "{:.0f}")),
            ("graph, byte roof", _share("graph_byte_share")),
            ("graph differs by", _number("graph_difference", "{:.2g}")),
            ("picture to picture", _number("served_milliseconds", _MS)),
            ("pictures/s", _number("served_pictures_a_second", "{:.0f}")),
            ("peak memory", _number("peak_mib", _MIB)),
        ],
    ),
    "large": (
        "Large photos, picture to picture",
        [
            ("side", _text("side")),
            ("time", _number("milliseconds", _MS)),
            ("peak memory", _number("peak_mib", _MIB)),
        ],
    ),
    "adapt": (
        "Adaptation",
        [
            ("K", _text("k")),
            ("steps", _text("steps")),
            ("styles at once", _text("styles")),
            ("time", _number("seconds", "{:.3f} s")),
            ("times one", _number("times_one", "{:.2f}x")),
            ("examples", _number("examples_seconds", "{:.3f} s")),
            ("inner loops", _number("loop_seconds", "{:.3f} s")),
            ("loops, of the roofline", _share("roofline_share")),
            ("peak memory", _number("peak_mib", _MIB)),
        ],
    ),
    "inner step": (
        "Parts of the inner steps",
        [
            ("styles", _text("styles")),
            ("level", _text("side")),
            ("part", _text("part")),
            ("eager", _number("eager_milliseconds", _MS)),
            ("CUDA graph", _number("graph_milliseconds", _MS)),
            ("recording", _number("graph_capture_seconds", "{:.2f} s")),
            ("graph differs by", _number("graph_difference", "{:.2g}")),
            ("two eager calls differ by", _number("eager_difference", "{:.2g}")),
        ],
    ),
    "jpeg": (
        "JPEG, a picture",
        [
            ("side", _text("side")),
            ("", _text("direction")),
            ("codec", _text("codec")),
            ("time", _number("milliseconds", _MS)),
        ],
    ),
    "transfer": (
        "Pictures to the device and back, each",
        [
            ("side", _text("side")),
            ("batch", _text("batch")),
            ("way", _text("way")),
            ("time", _number("milliseconds", _MS)),
            ("equal", _text("equal")),
        ],
    ),
    "kernels": (
        "Kernels",
        [
            ("what", _text("what")),
            ("time", _number("milliseconds", _MS)),
            ("kernels", _text("kernels")),
            ("busy", _number("device_milliseconds", _MS)),
            ("longest", lambda row: "; ".join(_kernel(each) for each in row.get("longest", [])[:5])),
        ],
    ),
}


def _kernel(each: Row) -> str:
    name = str(each["kernel"]).replace("|", "/")[:60]
    return f"{each['milliseconds']:.2f} ms in {each['count']} of {name}"
