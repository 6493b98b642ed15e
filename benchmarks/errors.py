"""Typed errors of the benchmarks."""


class BenchmarkError(Exception):
    """Base of what a benchmark raises on purpose; its text says what to do next."""


class MissingPackageError(BenchmarkError):
    """A package that only the benchmarks need is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed: run `pip install -e '.[bench]'`")


class MissingResultError(BenchmarkError):
    """A folder of earlier results lacks one."""


class SelectionError(BenchmarkError):
    """The folders hold too few groups, works or photos for the protocol."""
