"""Signed links: good until they expire, for what they name, and for nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.auth.signed_urls import Links, rotate
from app.auth.tables import LinkSecretRow
from app.errors import LinkInvalidError
from app.infra.db import Sessions, utcnow

PATH = "/v1/images/img_1/content"


class Clocks:
    now = utcnow()
    seconds = 0.0

    def links(self, sessions: Sessions) -> Links:
        return Links(sessions, lifetime=600, now=lambda: self.now, clock=lambda: self.seconds)


def parts(url: str) -> tuple[str, int, str]:
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path, int(query["expires"][0]), query["signature"][0]


async def test_a_link_is_good_until_it_expires_in_every_replica(sessions: Sessions) -> None:
    clocks = Clocks()
    here, there = clocks.links(sessions), clocks.links(sessions)
    link = await here.sign(PATH)
    path, expires, signature = parts(link.url)
    assert path == PATH
    assert timedelta(seconds=600) <= link.expires_at - clocks.now <= timedelta(seconds=901)
    for links in (here, there):
        await links.check(path, expires, signature)
    assert (await there.sign(PATH)).url == link.url, "made shortly after: a browser has the picture already"
    clocks.now = link.expires_at
    with pytest.raises(LinkInvalidError, match="expired"):
        await here.check(path, expires, signature)


async def test_whatever_is_changed_spoils_it(sessions: Sessions) -> None:
    links = Clocks().links(sessions)
    path, expires, signature = parts((await links.sign(PATH)).url)
    name, _, mac = signature.partition(".")
    for changed in (
        ("/v1/images/img_2/content", expires, signature),
        (path, expires + 1, signature),
        (path, expires, f"{name}.{mac[:-2]}AA"),
        (path, expires, f"deadbeef.{mac}"),
        (path, expires, f"{name}."),
        (path, expires, mac),
        (path, expires, "é"),
    ):
        with pytest.raises(LinkInvalidError, match="signature"):
            await links.check(*changed)


async def test_secrets_are_rotated(sessions: Sessions) -> None:
    clocks = Clocks()
    links = clocks.links(sessions)
    old = parts((await links.sign(PATH)).url)
    await rotate(sessions, forget=timedelta(days=30))
    clocks.seconds += 11
    new = parts((await links.sign(PATH)).url)
    assert old[2] != new[2]
    await links.check(*old)
    await links.check(*new)
    await rotate(sessions, forget=timedelta(0))
    clocks.seconds += 11
    for link in (old, new):
        with pytest.raises(LinkInvalidError):
            await links.check(*link)


async def grow_older(sessions: Sessions, by: timedelta) -> None:
    async with sessions.begin() as session:
        for row in await session.scalars(select(LinkSecretRow)):
            row.created_at -= by


async def test_a_secret_counts_for_a_while_after_it_signed_last(sessions: Sessions) -> None:
    month = timedelta(days=30)
    clocks = Clocks()
    first = parts((await clocks.links(sessions).sign(PATH)).url)
    await grow_older(sessions, timedelta(days=31))
    await rotate(sessions, forget=month)
    await clocks.links(sessions).check(*first)  # it signed until a moment ago, however old it is
    await grow_older(sessions, timedelta(days=31))
    second = parts((await clocks.links(sessions).sign(PATH)).url)
    await rotate(sessions, forget=month)
    with pytest.raises(LinkInvalidError):
        await clocks.links(sessions).check(*first)
    await clocks.links(sessions).check(*second)


async def test_a_link_that_another_replica_signs_with_a_new_secret_is_good_at_once(
    sessions: Sessions,
) -> None:
    clocks = Clocks()
    here, there = clocks.links(sessions), clocks.links(sessions)
    path, expires, signature = parts((await here.sign(PATH)).url)
    await there.check(path, expires, signature)
    await rotate(sessions, forget=timedelta(days=30))
    new = parts((await clocks.links(sessions).sign(PATH)).url)
    await asyncio.gather(*(there.check(*new) for _ in range(3)))
    await rotate(sessions)
    newer = parts((await clocks.links(sessions).sign(PATH)).url)
    with pytest.raises(LinkInvalidError):  # guesses cost a query a second at most
        await there.check(*newer)
    clocks.seconds += 1
    await there.check(*newer)
