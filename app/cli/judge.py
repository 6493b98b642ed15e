"""``fewstroke judge``: a page for votes on pairs of results, and their counts."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.blind import key_beside
from app.cli.checkout import benchmark_imports
from app.cli.common import InputError, complain, err_console, reported_errors
from app.infra.early_sigterm import end_at_sigterm

if TYPE_CHECKING:
    from benchmarks.evaluation.judge.folder import PairFolder
    from benchmarks.evaluation.judge.votes import VoteFile

VOTES = "votes.jsonl"


def judge(
    pairs: Annotated[Path, typer.Argument(help="Folder that `fewstroke evaluate --blind` wrote.")],
    votes: Annotated[
        Path | None,
        typer.Option(help="File of votes, JSON lines.", show_default=f"{VOTES} in the folder"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8100,
    count: Annotated[bool, typer.Option("--count", help="Print the counts of the votes instead.")] = False,
    key: Annotated[
        Path | None,
        typer.Option(help="With --count: the key of the pairs.", show_default="the one beside the folder"),
    ] = None,
) -> None:
    """Let people judge pairs of results in their browsers, until Ctrl-C; or count their votes.

    Whoever reaches the page may vote: with another --host that is the network. See docs/evaluation.md.
    """
    end_at_sigterm()
    with reported_errors():
        with benchmark_imports():
            from benchmarks.errors import BenchmarkError
            from benchmarks.evaluation.judge.folder import PairFolder
            from benchmarks.evaluation.judge.votes import VoteFile
        try:
            folder = PairFolder.read(pairs)
            kept = VoteFile(votes or pairs / VOTES, folder.set)
            if count:
                _print_counts(folder, kept, key or key_beside(pairs))
            else:
                _serve(folder, kept, host, port)
        except BenchmarkError as error:
            raise InputError(str(error)) from error


def _print_counts(folder: PairFolder, votes: VoteFile, key_file: Path) -> None:
    from benchmarks.evaluation.blind.counts import report
    from benchmarks.evaluation.blind.pairs import Key

    key, ballot = Key.read(key_file), votes.read()
    if key.set != folder.set:
        raise InputError(f"{key_file} is the key of other pairs: give --key the one of this folder")
    if ballot.unreadable:
        complain(f"{ballot.unreadable} lines of votes cannot be read and are left out", kind="warning")
    typer.echo(report(sorted(ballot.by_judge.items()), key))


def _serve(folder: PairFolder, votes: VoteFile, host: str, port: int) -> None:
    import uvicorn

    from benchmarks.evaluation.judge.server import create_app

    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise InputError(f"{host}:{port} is not free ({error.strerror}): choose another --port") from error
    with listener:
        address = f"http://{host}:{listener.getsockname()[1]}/"
        err_console().print(
            f"ready: {address} ({len(folder.pairs)} pairs; Ctrl-C ends)", markup=False, soft_wrap=True
        )
        server = uvicorn.Server(uvicorn.Config(create_app(folder, votes), log_level="warning"))
        server.run(sockets=[listener])
