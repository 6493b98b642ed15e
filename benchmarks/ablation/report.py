"""The ablation's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import bootstrap
from benchmarks.ablation.judge import Judged
from benchmarks.ablation.variants import TABLES, VARIANTS

COLUMNS = {
    "vgg_examples": "VGG to examples",
    "vgg_unseen": "VGG to unseen",
    "eff_examples": "Eff. to examples",
    "eff_unseen": "Eff. to unseen",
    "content": "content",
}
REFERENCE = "none"


def change(after: Sequence[float], before: Sequence[float]) -> str:
    """Paired change of the means in percent with its 95 % interval."""
    found = bootstrap.relative_change(after, before)
    return f"{found.value:+.1f} % [{found.low:+.1f}, {found.high:+.1f}]"


def table(keys: Sequence[str], rows: Mapping[str, Judged]) -> str:
    """One Markdown table: distances at step 0 and after the last step, and against no meta-learning."""
    lines = [
        "| variant | outer steps | rate x | "
        + " | ".join(COLUMNS.values())
        + " | VGG unseen against none | Eff. unseen against none |",
        "|---|---|---|" + "---|" * (len(COLUMNS) + 2),
    ]
    reference = rows.get(REFERENCE)
    for key in keys:
        row = rows[key]
        cells = []
        for column in COLUMNS:
            start, end = (sum(v[column]) / len(v[column]) for v in (row.start, row.end))
            cells.append(f"{start:.3f} -> {end:.3f}")
        for column in ("vgg_unseen", "eff_unseen"):
            paired = reference is not None and key != REFERENCE
            cells.append(change(row.end[column], reference.end[column]) if paired and reference else "-")
        lines.append(
            f"| {VARIANTS[key].label} | {row.outer_steps} | {row.scale:g} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)


def markdown(summary: Mapping[str, Any], rows: Mapping[str, Judged]) -> str:
    """The whole report: a table for each question of which at least two rows were measured."""
    protocol, machine = summary["protocol"], summary["machine"]
    scales = ", ".join(f"{scale:g}" for scale in protocol["scales"])
    parts = [
        f"# Ablation: {summary['minutes_each']:g} minutes each",
        "",
        f"Every variant was trained for the same time from checkpoint `{summary['start']['sha256'][:12]}`"
        f"{summary['start']['remark']}, but for the start, which is that checkpoint; then adapted in "
        f"{protocol['steps']} steps to {len(protocol['report'])} held-out styles "
        f"(K = {protocol['examples']}, {len(protocol['photos'])} photos at {protocol['size']} px). "
        f"Its inner rates are multiplied by the best of {scales}, by the loss on unseen works of "
        f"{len(protocol['selection'])} other held-out "
        "styles. Cells: mean at step 0 -> after the last step; lower is closer. Last columns: paired change "
        "of the distance after the last step against training on without meta-learning, with bootstrap 95 % "
        "intervals over the styles. "
        f"{machine['processor']}, {machine['cores']} cores; device {summary['device']}.",
        "",
    ]
    if len(protocol["report"]) < 10:
        parts += ["**Fewer than 10 styles: the intervals mean little.**", ""]
    for heading, keys in TABLES.items():
        found = [key for key in keys if key in rows]
        if len(found) > 1:
            parts += [f"## {heading}", "", table(found, rows), ""]
    alone = [key for key in rows if not any(key in keys for keys in TABLES.values())]
    if alone or len(rows) == 1:
        parts += [table(list(rows), rows), ""]
    return "\n".join(parts)
