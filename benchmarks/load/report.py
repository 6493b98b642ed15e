"""From locust's figures and the samples to a row of results, and to Markdown."""

from collections.abc import Mapping
from typing import Any

BAR_MS = 100.0  # p99 of polling a job's state
_SETTLES = 1200  # s; what grows in the second half of a run that long does not only warm up
_GROWTH = {"rss_mib": 0.5, "handles": 0.5}  # a minute, in the second half


def percentile(times: Mapping[str, int], share: float) -> float:
    """Of a histogram (milliseconds -> how often): the least time that ``share`` of all do not exceed."""
    by_time = {float(key): count for key, count in times.items()}
    left = share * sum(by_time.values())
    for milliseconds in sorted(by_time):
        left -= by_time[milliseconds]
        if left <= 1e-9:
            return milliseconds
    return 0.0


def requests(stats: list[dict[str, Any]], statuses: Mapping[str, int]) -> list[dict[str, Any]]:
    """A row for each kind of request."""
    rows = []
    for entry in sorted(stats, key=lambda item: -item["num_requests"]):
        answers: dict[str, int] = {}
        for label, count in statuses.items():
            name, _, status = label.rpartition(" ")
            if name == entry["name"]:
                answers[status] = count
        times = entry["response_times"]
        rows.append(
            {
                "name": entry["name"],
                "requests": entry["num_requests"],
                "failures": entry["num_failures"],
                **{f"p{round(share * 100)}": percentile(times, share) for share in (0.5, 0.95, 0.99)},
                "max": round(entry["max_response_time"]),
                "statuses": dict(sorted(answers.items())),
            }
        )
    return rows


def problems(row: Mapping[str, Any], bound: int) -> list[str]:
    """What misses the bar; empty: nothing."""
    found = [f"{item['failures']} failures of {item['name']}" for item in row["requests"] if item["failures"]]
    polling = next((item for item in row["requests"] if item["name"] == "GET job"), None)
    if polling is None:
        found.append("nothing was polled")
    elif polling["p99"] >= BAR_MS:
        found.append(f"p99 of polling is {polling['p99']:g} ms")
    if row["queue"]["peak"] > bound:
        found.append(f"{row['queue']['peak']} unfinished jobs, bound {bound}")
    for name, item in row["processes"].items():
        for kind, most in _GROWTH.items():
            slope = item[kind]["slope_per_minute"]
            if name != "clients" and row["seconds"] >= _SETTLES and slope > most:
                found.append(f"{name}: {kind} grows by {slope:g} a minute")
    found += [f"{name} was started again" for name, item in row["processes"].items() if item["restarts"]]
    if bad := {state: n for state, n in row["left"].items() if state not in ("succeeded", "canceled")}:
        found.append(f"jobs that did not end well: {bad}")
    return found


def tables(row: Mapping[str, Any]) -> str:
    """Three Markdown tables: requests, processes, memory over time."""
    lines = [
        "| request | number | failures | p50 | p95 | p99 | slowest | answers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for item in row["requests"]:
        answers = ", ".join(f"{count} x {status}" for status, count in item["statuses"].items())
        lines.append(
            f"| {item['name']} | {item['requests']} | {item['failures']} | {item['p50']:g} | {item['p95']:g} "
            f"| {item['p99']:g} | {item['max']} | {answers} |"
        )
    lines += [
        "",
        "| process | cores | MiB: start, peak, end | a minute | handles: start, peak, end | a minute |",
        "|---|---|---|---|---|---|",
    ]
    for name, item in row["processes"].items():
        cells = [name, f"{item['cores']:g}"]
        for kind in ("rss_mib", "handles"):
            figures = item[kind]
            cells.append(f"{figures['start']:g}, {figures['peak']:g}, {figures['end']:g}")
            cells.append(f"{figures['slope_per_minute']:+g}")
        lines.append(f"| {' | '.join(cells)} |")
    courses = {name: item["course"]["rss_mib"] for name, item in row["processes"].items()}
    minutes = list(max(courses.values(), key=len, default={}))
    lines += ["", f"| MiB, mean up to minute | {' | '.join(minutes)} |", f"|{'---|' * (len(minutes) + 1)}"]
    for name, course in courses.items():
        lines.append(f"| {name} | {' | '.join(f'{course.get(minute, 0):g}' for minute in minutes)} |")
    return "\n".join(lines)
