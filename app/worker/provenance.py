"""Record how a result was made, for its JSON and, unless declined, for its file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from app.jobs.dials import dials_of
from app.jobs.job import Job
from app.provenance.xmp import tool
from app.worker.inputs import JobInputs


def describe(
    job: Job, inputs: JobInputs, base_hash: str, adapted: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The record of the job's results. ``adapted``: header of the style that the job itself has made."""
    params = job.params
    styles: Sequence[dict[str, Any]] = [
        {"id": style.id, "weight": style.weight, **_of_header(style.header)} for style in inputs.styles
    ]
    if adapted is not None:
        styles = [{"id": job.style_id, "weight": 1.0, **_of_header(adapted)}]
    outside = inputs.outside
    return {
        **_common(job, base_hash),
        "styles": styles,
        "outside_style": {"id": outside.id, **_of_header(outside.header)} if outside else None,
        "masked": inputs.mask is not None,
        **asdict(dials_of(params)),
        "preserve_color": bool(params.get("preserve_color")),
        "size": params.get("size"),
    }


def describe_generation(job: Job, inputs: JobInputs, base_hash: str) -> dict[str, Any]:
    """The record of what was made without a photo."""
    styles = [{"id": style.id, "weight": style.weight, **_of_header(style.header)} for style in inputs.styles]
    return {**_common(job, base_hash), "styles": styles, "options": job.params["options"]}


def _common(job: Job, base_hash: str) -> dict[str, Any]:
    return {"app": tool(), "job_id": job.id, "modality": job.modality, "base_hash": base_hash}


def _of_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """With whose the examples were, where somebody has said so."""
    said = {"rights": header.get("rights"), "licence": header.get("examples_licence")}
    return {
        **{name: header.get(name) for name in ("k", "steps", "seed")},
        **{name: text for name, text in said.items() if text},
    }


def with_rights(style: Any, job: Job) -> Any:
    """A style that was learned, whose file says whose the examples are."""
    rights, licence = job.params.get("rights") or "", job.params.get("licence") or ""
    return replace(style, header=replace(style.header, rights=rights, examples_licence=licence))
