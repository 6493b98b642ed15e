"""Whose job is next, and that no ticket and no job is lost over it."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import JobNotCancelableError
from app.ids import new_id
from app.infra.db import Sessions, utcnow
from app.jobs.fair_queue import TurnRow
from app.jobs.job import Job, JobKind, JobState
from app.jobs.lanes import BULK, cost_of, lane_of
from app.jobs.ledger import Ledger, NewJob
from tests.support.backend import running_backend

STEPS = {"steps": 10, "contents": []}


async def submit(ledger: Ledger, owner: str, kind: JobKind = JobKind.ADAPT, contents: int = 0) -> Job:
    params = {"steps": 10, "contents": [f"img_{number}" for number in range(contents)]}
    job = await ledger.create(NewJob(new_id("job"), kind, params, owner=owner))
    await ledger.mark_published(job.ticket, epoch=utcnow())
    return job


async def serve(ledger: Ledger, tickets: list[str]) -> list[Job]:
    """Draw and finish, in the order of the queue."""
    done = []
    for ticket in tickets:
        draw = await ledger.draw(ticket, "w")
        assert draw.job is not None
        assert await ledger.succeed(draw.job.id, draw.job.attempt, {})
        done.append(draw.job)
    return done


async def test_an_owner_with_many_jobs_does_not_starve_another(ledger: Ledger) -> None:
    crowd = [await submit(ledger, "ada") for _ in range(30)]
    few = [await submit(ledger, "bob") for _ in range(3)]
    late = [await submit(ledger, "eve") for _ in range(3)]
    tickets = [job.ticket for job in (*crowd, *few, *late)]  # the queue's order: ada's 30 first
    served = await serve(ledger, tickets)
    assert Counter(job.owner for job in served[:9]) == {"ada": 3, "bob": 3, "eve": 3}
    assert sorted(job.id for job in served) == sorted(job.id for job in (*crowd, *few, *late))
    for jobs in (crowd, few, late):  # an owner's own jobs stay in order
        ids = [job.id for job in jobs]
        assert [job.id for job in served if job.id in ids] == ids


async def test_nobody_saves_up_turns_and_nobody_pays_for_an_idle_service(ledger: Ledger) -> None:
    early = [await submit(ledger, "ada") for _ in range(6)]
    await serve(ledger, [job.ticket for job in early])
    jobs = [await submit(ledger, owner) for owner in ("ada", "ada", "bob", "bob", "bob", "bob")]
    served = await serve(ledger, [job.ticket for job in jobs])
    assert [job.owner for job in served[:4]].count("ada") >= 1
    assert [job.owner for job in served[:3]].count("bob") >= 1


async def test_turns_are_paid_by_the_work_not_by_the_job(ledger: Ledger) -> None:
    large = [await submit(ledger, "ada", JobKind.STYLIZE, 4) for _ in range(6)]
    small = [await submit(ledger, "bob", JobKind.STYLIZE, 1) for _ in range(12)]
    served = await serve(ledger, [job.ticket for job in (*large, *small)])
    assert Counter(job.owner for job in served[:7]) == {"ada": 2, "bob": 5}


async def test_a_ticket_that_comes_again_finds_the_job_that_was_begun_with_it(ledger: Ledger) -> None:
    first, second, other = [await submit(ledger, owner) for owner in ("ada", "ada", "bob")]
    await serve(ledger, [first.ticket])
    begun = await ledger.draw(second.ticket, "dies")  # bob's turn, with ada's ticket
    assert begun.job_id == other.id
    again = await ledger.draw(second.ticket, "w2")
    assert again.job is not None
    assert (again.job.id, again.job.attempt) == (other.id, 2)
    rest = await ledger.draw(other.ticket, "w3")
    assert rest.job_id == second.id
    assert await ledger.release(second.id, 1)
    back = await ledger.draw(other.ticket, "w4")
    assert (back.job_id, back.job and back.job.attempt) == (second.id, 2)


async def test_tickets_of_what_is_over_start_nothing(ledger: Ledger) -> None:
    gone, waiting = await submit(ledger, "ada"), await submit(ledger, "ada")
    await ledger.request_cancel(gone.id)
    draw = await ledger.draw(gone.ticket, "w")
    assert (draw.job_id, draw.job) == (gone.id, None)
    assert (await ledger.get(waiting.id)).state is JobState.QUEUED
    unknown = await ledger.draw("job_unknown", "w")
    assert (unknown.job_id, unknown.job) == (None, None)


async def test_a_swap_takes_along_what_is_known_of_the_ticket(ledger: Ledger) -> None:
    """Whoever is left with the ticket that the queue never got is published again."""
    first, known = await submit(ledger, "ada"), await submit(ledger, "ada")
    unknown = await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, dict(STEPS), owner="bob"))
    await serve(ledger, [first.ticket])
    assert (await ledger.draw(known.ticket, "w")).job_id == unknown.id
    assert [(job.id, job.ticket) for job in await ledger.unpublished(timedelta(0))] == [
        (known.id, unknown.ticket)
    ]


async def test_the_book_of_turns_does_not_grow(ledger: Ledger, sessions: Sessions) -> None:
    jobs = [await submit(ledger, f"owner-{number}") for number in range(20)]
    await serve(ledger, [job.ticket for job in jobs])
    for _ in range(3):
        last = [await submit(ledger, "last") for _ in range(2)]
        await serve(ledger, [job.ticket for job in last])
    async with sessions() as session:
        assert len(list(await session.scalars(select(TurnRow)))) <= 3


def test_costs_go_by_pixels() -> None:
    def cost(side: int, contents: int = 1, **params: Any) -> float:
        ids = [f"img_{n}" for n in range(contents)]
        given = {"contents": ids, "pixels": dict.fromkeys(ids, side * side), **params}
        return cost_of(JobKind.STYLIZE, given)

    assert cost(64) < cost(1280) == 2
    assert cost(8192) > 20 * cost(1280)
    assert cost(2560, outside_style_id="sty_x") == 9, "both sides of the mask are painted"
    assert lane_of(JobKind.STYLIZE, {"contents": ["a"], "pixels": {"a": 4096 * 4096}}) == "stylize"
    assert lane_of(JobKind.STYLIZE, {"contents": ["a"], "pixels": {"a": 8192 * 4880}}) == BULK


async def test_thumbnails_and_posters_get_the_same_time(ledger: Ledger) -> None:
    """An owner of large pictures and one of small ones: what is drawn costs both about the same."""
    sides = {"ada": 256, "bob": 4096}
    tickets = []
    for owner, side in sides.items():
        for _ in range(40):
            new = NewJob(
                new_id("job"),
                JobKind.STYLIZE,
                {"contents": ["img_a"], "pixels": {"img_a": side * side}, "style_id": "sty_a"},
                owner=owner,
            )
            tickets.append((await ledger.create(new)).ticket)
    spent = dict.fromkeys(sides, 0.0)
    for ticket in tickets[:40]:
        draw = await ledger.draw(ticket, "w")
        assert draw.job is not None
        spent[draw.job.owner] += cost_of(draw.job.kind, draw.job.params)
    poster = cost_of(JobKind.STYLIZE, {"contents": ["img_a"], "pixels": {"img_a": sides["bob"] ** 2}})
    assert abs(spent["ada"] - spent["bob"]) <= poster, "no more apart than by the one in hand"
    assert min(spent.values()) > 0


def test_large_batches_wait_in_a_lane_of_their_own() -> None:
    assert lane_of(JobKind.STYLIZE, {"contents": ["a"] * 4}) == "stylize"
    assert lane_of(JobKind.STYLIZE, {"contents": ["a"] * 5}) == BULK
    assert lane_of(JobKind.STYLIZE_ONCE, {"contents": ["a"]}) == "stylize_once"
    assert cost_of(JobKind.STYLIZE, {"contents": ["a"] * 9}) == 10
    assert cost_of(JobKind.ADAPT, {"steps": 0}) < cost_of(JobKind.ADAPT, {}) > 50


async def test_workers_serve_owners_in_turn_and_nothing_is_lost(tmp_path: Path) -> None:
    """Through real queue, ledger and worker process, which is killed on the way."""
    async with running_backend(tmp_path) as backend:
        jobs = []
        for owner, number in (("ada", 6), ("bob", 2)):
            for _ in range(number):
                job = await backend.create(JobKind.ADAPT, owner=owner, steps=3)
                await backend.broker.publish_job(job.lane, job.ticket)
                await backend.ledger.mark_published(job.ticket)
                jobs.append(job)
        worker = await backend.start_worker()
        await backend.until(jobs[0].id, JobState.SUCCEEDED, within=60)
        worker.kill()
        await worker.wait()
        await backend.start_worker()
        done = [await backend.until(job.id, JobState.SUCCEEDED, within=60) for job in jobs]
        order = sorted(done, key=lambda job: job.started_at or utcnow())
        assert {job.owner for job in order[:2]} == {"ada", "bob"}
        assert max(order.index(job) for job in done if job.owner == "bob") <= 4


class Queue:
    """The broker in a dict: at least once, repeated ids dropped, its storage may be lost."""

    def __init__(self) -> None:
        self.epoch = utcnow()
        self.waiting: list[str] = []
        self.taken: list[str] = []
        self.seen: set[str] = set()

    def publish(self, ticket: str) -> None:
        if ticket not in self.seen:
            self.seen.add(ticket)
            self.waiting.append(ticket)

    def lose_everything(self) -> None:
        self.epoch += timedelta(seconds=1)
        self.waiting, self.taken, self.seen = [], [], set()

    def redeliver(self) -> None:
        self.waiting, self.taken = self.waiting + self.taken, []


async def reconcile(ledger: Ledger, queue: Queue) -> None:
    for job in await ledger.unpublished(timedelta(0)):
        queue.publish(job.ticket)
        await ledger.mark_published(job.ticket, epoch=queue.epoch)
    for lost in await ledger.lost(queue.epoch):
        if (renewed := await ledger.renew_ticket(lost)) is not None:
            queue.publish(renewed.ticket)
            await ledger.mark_published(renewed.ticket, epoch=queue.epoch)


async def work(ledger: Ledger, queue: Queue, dice: random.Random) -> None:
    """Draw a ticket, and do with it what workers do, or die of it."""
    ticket = queue.waiting.pop(0)
    queue.taken.append(ticket)
    draw = await ledger.draw(ticket, "w")
    fate = dice.choice(["succeed", "succeed", "succeed", "dies", "dies after", "released"])
    if draw.job is not None:
        if fate == "dies":
            return
        if fate == "released":
            await ledger.release(draw.job.id, draw.job.attempt)
            return
        await ledger.succeed(draw.job.id, draw.job.attempt, {})
        if fate == "dies after":
            return
    if ticket in queue.taken:
        queue.taken.remove(ticket)


@pytest.mark.parametrize("seed", range(4))
async def test_no_job_is_lost_whatever_happens_to_tickets(ledger: Ledger, seed: int) -> None:
    dice, queue = random.Random(seed), Queue()
    ledger._max_attempts = 99  # nothing is called poison here
    ids: list[str] = []
    for _ in range(60):
        event = dice.choices(
            ["submit", "work", "redeliver", "cancel", "reconcile", "loss"], [6, 8, 2, 1, 2, 0.5]
        )[0]
        if event == "submit":
            owner = dice.choice(["ada", "ada", "bob", "eve"])
            new = await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, dict(STEPS), owner=owner))
            ids.append(new.id)
            how = dice.random()  # the API may die between its commit, the publish and its record
            if how > 0.2:
                queue.publish(new.ticket)
            if how > 0.4:
                await ledger.mark_published(new.ticket, epoch=queue.epoch)
        elif event == "work" and queue.waiting:
            await work(ledger, queue, dice)
        elif event == "redeliver":
            queue.redeliver()
        elif event == "cancel" and ids:
            with suppress(JobNotCancelableError):
                await ledger.request_cancel(dice.choice(ids))
        elif event == "reconcile":
            await reconcile(ledger, queue)
        elif event == "loss":
            queue.lose_everything()
    for _ in range(200):
        queue.redeliver()
        await reconcile(ledger, queue)
        if not queue.waiting:
            break
        await work(ledger, queue, dice)
    states = [(await ledger.get(job_id)).state for job_id in ids]
    assert not queue.waiting
    assert set(states) <= {JobState.SUCCEEDED, JobState.CANCELED}
    assert states.count(JobState.SUCCEEDED) > 0
