"""``fewstroke judge`` over HTTP: pictures out, votes in, nothing lost, nothing told."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.pairs import Comparison, Key, draw_lots
from benchmarks.evaluation.blind.sheets import write_pairs
from benchmarks.evaluation.blind.verdicts import Grade, Side, Verdict
from benchmarks.evaluation.judge.folder import PairFolder
from benchmarks.evaluation.judge.server import PAGE, create_app
from benchmarks.evaluation.judge.votes import VoteFile

pytestmark = pytest.mark.process

GOOD = {
    "judge": "Mo",
    "pair": 1,
    "preferred": "left",
    "left_grade": "in the style",
    "right_grade": "mild filter",
}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two pairs, and their key beside the folder."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    comparisons = []
    for photo in "ab":
        paths = (tmp_path / f"ours-{photo}.png", tmp_path / f"theirs-{photo}.png")
        for path in paths:
            Image.fromarray(pixels).save(path)
        comparisons.append(Comparison("painter", photo, paths))
    folder = tmp_path / "pairs"
    key = write_pairs(
        folder, draw_lots(comparisons, 0), {"painter": [Image.fromarray(pixels)]}, ("ours", "theirs"), {}
    )
    key.write(tmp_path / "pairs-key.json")
    return folder


@pytest.fixture
def votes(pairs: Path) -> VoteFile:
    return VoteFile(pairs / "votes.jsonl", PairFolder.read(pairs).set)


@pytest.fixture
async def client(pairs: Path, votes: VoteFile) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(PairFolder.read(pairs), votes))
    async with httpx.AsyncClient(transport=transport, base_url="http://judge") as found:
        yield found


async def test_pairs_are_listed_with_pictures_that_can_be_had(client: httpx.AsyncClient) -> None:
    answer = await client.get("/pairs")
    listed = answer.json()["pairs"]
    assert [pair["pair"] for pair in listed] == [1, 2]
    for pair in listed:
        for name in (*pair["examples"], pair["left"], pair["right"]):
            picture = await client.get(f"/{name}")
            assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
            assert picture.headers["x-content-type-options"] == "nosniff"
    for word in ("ours", "theirs", "painter"):
        assert word not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/pictures/none.png", "/pictures/..%2fverdicts.csv", "/pictures/..%2f..%2fpairs-key.json", "/docs"],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_a_vote_is_kept_and_the_last_one_on_a_pair_counts(
    client: httpx.AsyncClient, votes: VoteFile, pairs: Path
) -> None:
    assert (await client.post("/votes", json=GOOD)).status_code == 201
    assert (await client.post("/votes", json=GOOD | {"pair": 2, "judge": " Mo "})).status_code == 201
    assert (await client.post("/votes", json=GOOD | {"preferred": "right"})).status_code == 201
    assert (await client.post("/votes", json=GOOD | {"judge": "李/雷 & co"})).status_code == 201
    ballot = votes.read()
    assert ballot.by_judge["Mo"] == [
        Verdict(1, Side.RIGHT, Grade.STYLE, Grade.FILTER),
        Verdict(2, Side.LEFT, Grade.STYLE, Grade.FILTER),
    ]
    own = await client.get("/votes", params={"judge": "李/雷 & co"})
    assert own.json() == [{k: GOOD[k] for k in ("pair", "preferred", "left_grade", "right_grade")}]
    assert len((pairs / "votes.jsonl").read_text().splitlines()) == 4  # nothing is overwritten


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"judge": "  "}, 422),
        ({"judge": "x" * 41}, 422),
        ({"preferred": "both"}, 422),
        ({"left_grade": "nice"}, 422),
        ({"right_grade": None}, 422),
        ({"pair": 3}, 404),
    ],
)
async def test_a_vote_that_means_nothing_is_refused_and_not_kept(
    client: httpx.AsyncClient, votes: VoteFile, wrong: dict[str, object], status: int
) -> None:
    assert (await client.post("/votes", json=GOOD | wrong)).status_code == status
    assert votes.read().by_judge == {}


async def test_another_site_cannot_vote_with_a_plain_form(client: httpx.AsyncClient) -> None:
    sent = {"content": json.dumps(GOOD), "headers": {"Content-Type": "text/plain"}}
    assert (await client.post("/votes", **sent)).status_code == 422  # type: ignore[arg-type]


async def test_a_full_disk_is_said_and_the_page_is_to_send_again(
    client: httpx.AsyncClient, votes: VoteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answer = await client.post("/votes", json=GOOD)
    assert answer.status_code == 507
    assert "No space left" in answer.json()["detail"]
    assert (await client.post("/votes", json=GOOD)).status_code == 201
    assert len(votes.read().by_judge["Mo"]) == 1


def test_a_line_cut_short_takes_no_other_vote_with_it(votes: VoteFile, pairs: Path) -> None:
    one, two = (Verdict(n, Side.LEFT, Grade.UGLY, Grade.UGLY) for n in (1, 2))
    votes.append("Mo", one)
    with (pairs / "votes.jsonl").open("a") as file:
        file.write('{"set": "')
    votes.append("Mo", two)
    assert votes.read().by_judge == {"Mo": [one, two]}
    assert votes.read().unreadable == 1


def test_votes_on_other_pairs_are_left_out(votes: VoteFile, pairs: Path) -> None:
    VoteFile(pairs / "votes.jsonl", "another set").append("Mo", Verdict(1, Side.LEFT, Grade.UGLY, Grade.UGLY))
    assert votes.read().by_judge == {}
    assert votes.read().unreadable == 0


def test_votes_at_once_are_all_kept_whole(votes: VoteFile) -> None:
    def many(judge: str) -> None:
        for number in range(20):
            votes.append(judge, Verdict(number, Side.LEFT, Grade.UGLY, Grade.UGLY))

    threads = [threading.Thread(target=many, args=(f"judge {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {judge: len(found) for judge, found in votes.read().by_judge.items()} == {
        f"judge {n}": 20 for n in range(8)
    }


async def test_the_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert len(re.findall(r"'sha256-[\w+/]{43}='", policy)) == 2  # its one script and its one style
    assert not re.search(r"https?://|\b(?:src|href)=\"(?!data:,)", answer.text)
    assert not re.search(r"<[^>]*\s(?:style|on\w+)=", answer.text)  # the policy would block these


def test_the_page_says_everything_in_both_languages() -> None:
    text = PAGE.read_text(encoding="utf-8")
    english, chinese = re.search(r"\ben: \{(.*?)\n  \},\n  zh: \{(.*?)\n  \},\n", text, re.DOTALL).groups()  # type: ignore[union-attr]
    names = [set(re.findall(r"\b([a-zA-Z]+): [\"{]", words)) for words in (english, chinese)]
    assert names[0] == names[1]
    assert set(re.findall(r"data-t=\"(\w+)\"", text)) <= names[0]
    assert set(re.findall(r"\bt\.(\w+)", text)) <= names[0]
    for grade in Grade:
        assert f'"{grade}":' in english
        assert f'"{grade}":' in chinese


def test_a_folder_without_pairs_or_pictures_is_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="has no pairs"):
        PairFolder.read(tmp_path)
    (pairs / "pictures" / "001-left.png").unlink()
    with pytest.raises(BenchmarkError, match=r"001-left\.png is missing"):
        PairFolder.read(pairs)


def test_a_list_of_pairs_cannot_name_files_outside(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"")
    listed = (pairs / "pairs.json").read_text().replace("pictures/001-left.png", "pictures/../../secret.png")
    (pairs / "pairs.json").write_text(listed)
    with pytest.raises(BenchmarkError, match=r"secret.png is missing"):
        PairFolder.read(pairs)


def test_votes_outlive_the_command_being_killed_and_are_counted(pairs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.cli", "judge", str(pairs)]
    with subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = server.stderr.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+/", said)
            assert address, said
            with httpx.Client(base_url=address[0]) as client:
                for pair in (1, 2):
                    assert client.post("votes", json=GOOD | {"pair": pair}).status_code == 201
        finally:
            server.send_signal(signal.SIGKILL)
    counted = subprocess.run([*command, "--count"], capture_output=True, text=True, check=False)
    assert counted.returncode == 0, counted.stderr
    key = Key.read(tmp_path / "pairs-key.json")
    ours = sum(pair.left == "ours" for pair in key.pairs)
    assert f"| in all | {ours}/2 = " in counted.stdout
