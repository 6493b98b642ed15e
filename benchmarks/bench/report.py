"""Tables of a run, and how it compares with the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.gpu.report import sections
from benchmarks.tables import table

Document = Mapping[str, Any]
_CHANGED = 1.1  # a ratio that is told as a change


def page(document: Document, before: Document | None) -> str:
    """Markdown."""
    machine = document["machine"]
    parts = [
        "# Speed",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"{document['threads']} threads; {document['busy_share']:.0%} of the cores used by others at the "
        f"start. {document['gpu']}",
    ]
    parts.append(_rates(document["rates"]))
    parts += [text for key, tell in _SECTIONS.items() if document.get(key) for text in tell(document)]
    if document.get("on_gpu"):
        parts += sections(document["on_gpu"])
    parts += [f"Not measured: {text}" for text in document["missing"]]
    parts += [
        f"Not measured in this run, but on {date}: {part}." for part, date in document.get("kept", {}).items()
    ]
    if before is not None:
        parts += ["## Against the last stored run", compare(before, document)]
    return "\n\n".join(parts) + "\n"


def _rates(rates: Mapping[str, float | None]) -> str:
    told = "Rates of this machine in this run: products of matrices "
    if _has_bf16(rates):
        told += (
            f"{rates['gemm_bf16']:.0f} GFLOP/s in bf16 and {rates['gemm_float32']:.0f} in float32, a "
            f"96-channel 3x3 convolution {rates['convolution_bf16']:.0f} and "
            f"{rates['convolution_float32']:.0f}, "
        )
    else:
        told += (
            f"{rates['gemm_float32']:.0f} GFLOP/s in float32, a 96-channel 3x3 convolution "
            f"{rates['convolution_float32']:.0f} (the processor has no bf16 products), "
        )
    return told + (
        f"a copy {rates['copy']:.1f} GB/s. Shares of the roofline are of the higher of the two rates in the "
        "subject's precision (bf16 where that is int8 and bf16), with every operation that is no convolution "
        "as overhead."
    )


def _has_bf16(rates: Mapping[str, float | None]) -> bool:
    return rates["gemm_bf16"] is not None


def _stylize(document: Document) -> list[str]:
    rows = [
        [
            row["subject"],
            str(row["side"]),
            str(row["batch"]),
            f"{row['seconds']:.3f} s",
            f"{row['cpu_seconds']:.3f} s",
            f"{row['rendered_pixels'] / row['seconds'] / 1e6:.2f}",
            _magenta(row),
            _share(row.get("roofline_share")),
        ]
        for row in document["stylize"]
    ]
    head = ["subject", "side", "batch", "a picture", "CPU time", "Mpixel/s", "speed a pixel, Magenta = 1"]
    return ["## Stylization", table([*head, "roofline"], rows)]


def _adapt(document: Document) -> list[str]:
    rows = [
        [
            str(row["k"]),
            str(row["steps"]),
            str(row["styles"]),
            f"{row['seconds']:.2f} s",
            f"{row['cpu_seconds']:.2f} s",
            f"{row['seconds_a_step']:.3f} s" if "seconds_a_step" in row else "-",
            _share(row.get("roofline_share")),
            _times(row.get("times_one")),
        ]
        for row in document["adapt"]
    ]
    head = ["K", "steps", "styles at once", "time", "CPU time", "a step", "roofline", "times one style"]
    return ["## Adaptation", table(head, rows)]


def _convolutions(document: Document) -> list[str]:
    rows = [
        [
            row["what"],
            f"{row['flop'] / 1e9:.0f} GFLOP",
            f"{1000 * row['seconds']:.1f} ms",
            _share(row["peak_share"]),
        ]
        for row in document["convolutions"]
    ]
    head = ["of", "convolutions", "their time", "of the machine's peak"]
    return ["## The convolutions themselves", table(head, rows)]


def _service(document: Document) -> list[str]:
    rows = [
        [
            str(row["clients"]),
            str(row["requests"]),
            f"{row['requests_a_second']:.2f}",
            f"{row['median_seconds']:.2f} s",
            f"{row['p95_seconds']:.2f} s",
            f"{row['worker_seconds']:.3f} s",
            f"{row['overhead_share']:.0%}",
            f"{row['outside_worker_share']:.0%}",
        ]
        for row in document["service"]
    ]
    head = ["clients", "requests", "requests/s", "median", "p95", "worker's rendering"]
    return [
        "## Service: 512 px JPEGs, upload to downloaded picture",
        table([*head, "beyond the engine alone", "beyond the worker's rendering"], rows),
        *_processor(document),
    ]


def _processor(document: Document) -> list[str]:
    """What each process spends on a request; of the worker also without the rendering of an idle machine."""
    rendering = (document.get("start") or {}).get("engine_512_processor_seconds")
    rows = []
    for row in document["service"]:
        if (spent := row.get("processor_seconds")) is None:  # a run of before
            continue
        worker = spent["worker"]
        rows.append(
            [
                str(row["clients"]),
                *(f"{1000 * spent.get(kind, 0.0):.1f} ms" for kind in ("api", "broker", "decoder", "client")),
                f"{1000 * worker:.0f} ms",
                "-" if rendering is None else f"{1000 * (worker - rendering):.0f} ms",
            ]
        )
    if not rows:
        return []
    head = ["clients", "API", "broker", "decoder", "the clients", "worker", "worker beyond the engine alone"]
    return ["Processor time of a request:", table(head, rows)]


def _start(document: Document) -> list[str]:
    memory = document["start"]["memory"]
    rows = [[kind, f"{m['idle_mib']:.0f} MiB", f"{m['most_mib']:.0f} MiB"] for kind, m in memory.items()]
    return [
        "## Start and memory",
        f"`fewstroke serve` was ready after {document['start']['ready_seconds']:.1f} s.",
        table(["process", "when ready", "at its peak"], rows),
    ]


_SECTIONS = {
    "stylize": _stylize,
    "adapt": _adapt,
    "convolutions": _convolutions,
    "service": _service,
    "start": _start,
}


def figures(document: Document) -> dict[str, float]:
    """Every time of a run by a name that is the same in the next one; lower is better."""
    found = {}
    for row in document.get("stylize") or ():
        subject = row["subject"].partition(" (")[0] if row is document["stylize"][0] else row["subject"]
        found[f"{subject}, {row['side']} px, batch {row['batch']}"] = row["seconds"]
    for row in document.get("adapt") or ():
        found[f"adapt K = {row['k']}, {row['steps']} steps, {row['styles']} at once"] = row["seconds"]
    for row in document.get("service") or ():
        found[f"service, {row['clients']} clients, s a request"] = 1 / row["requests_a_second"]
    if document.get("start"):
        found["start to ready"] = document["start"]["ready_seconds"]
    return found


def same_processor(before: Document, after: Document) -> bool:
    """Whether both ran on the same kind, as far as is known: virtual machines tell short names.

    So one with bf16 products is another than one without.
    """
    names = before["machine"]["processor"], after["machine"]["processor"]
    return names[0] == names[1] and _has_bf16(before["rates"]) == _has_bf16(after["rates"])


def compare(before: Document, after: Document) -> str:
    """What changed by more than a tenth, relative to the machine's own rate in each run."""
    if not same_processor(before, after):
        return "It was made on another processor: not compared."
    old, new = figures(before), figures(after)
    rate = "gemm_bf16" if _has_bf16(after["rates"]) else "gemm_float32"
    speed = after["rates"][rate] / before["rates"][rate]
    rows = []
    for name in new.keys() & old.keys():
        ratio = new[name] / old[name] * speed  # a machine that is slower today is no change of ours
        if not 1 / _CHANGED < ratio < _CHANGED:
            rows.append((ratio, [name, f"{old[name]:.3f}", f"{new[name]:.3f}", f"{ratio:.2f}x"]))
    if not rows:
        return f"Nothing of {len(new.keys() & old.keys())} figures changed by more than a tenth."
    head = ["figure", "before (s)", "now (s)", f"ratio, with the machine at {speed:.2f}x its rate"]
    return table(head, [row for _, row in sorted(rows, reverse=True)])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _magenta(row: Document) -> str:
    """The median of the ratios within a round, and the quartiles."""
    if "faster_than_magenta_quartiles" not in row:
        return _times(row.get("faster_than_magenta_a_pixel"))
    low, high = row["faster_than_magenta_quartiles"]
    return f"{_times(row['faster_than_magenta_a_pixel'])} ({low:.2f} to {high:.2f})"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"
