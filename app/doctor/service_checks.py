"""Checks of database, blob store and broker: reachable, in order, and agreeing on the time."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StorageType
from nats.js.errors import NotFoundError
from sqlalchemy import and_, func, select, text
from sqlalchemy.exc import DBAPIError

from app.doctor.report import Trouble, Verdict
from app.ids import new_id
from app.infra.blob_keys import trial_key
from app.infra.blobs import Blobs
from app.infra.broker import (
    BrokerStartError,
    BrokerUnavailableError,
    EmbeddedServer,
    find_broker,
    heartbeats,
)
from app.infra.db import create_engine, ping, place
from app.infra.errors import DatabaseUnavailableError
from app.infra.integrity import find_damage
from app.infra.logs import reason
from app.migrations import HEAD
from app.settings import Settings
from app.styles.tables import PRESET_OWNER, StyleRow
from model.errors import ModelError
from model.formats import checkpoint_hash

_SKEW = 2.0  # s; leases and signatures are meant in seconds
_CONNECT = 5  # s


async def check_database(settings: Settings) -> str:
    """Reached, and with the schema of this version."""
    where = place(settings.database)
    damage = await find_damage(settings.database)
    if damage is not None:
        raise Trouble(
            Verdict.FAIL,
            f"{where} is damaged: {damage}",
            "Stop the service, copy the data folder away, and restore a backup (docs/backup.md), or mend it "
            "with `sqlite3 fewstroke.db .recover`.",
        )
    engine = create_engine(settings.database)
    try:
        try:
            await ping(engine)
        except DatabaseUnavailableError as error:
            raise Trouble(
                Verdict.FAIL,
                str(error),
                "Of SQLite give this user the right to write the file and its folder; of PostgreSQL name the "
                "primary server in FEWSTROKE_DATABASE_URL.",
            ) from error
        try:
            async with engine.connect() as connection:
                revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except DBAPIError:
            revision = None
    finally:
        await engine.dispose()
    if revision is None:
        raise Trouble(Verdict.WARN, f"{where} is empty", "Nothing to do: the first start makes the tables.")
    if str(revision) < HEAD:
        raise Trouble(
            Verdict.WARN,
            f"{where} has schema {revision}, this version needs {HEAD}",
            "Nothing to do: the next start migrates it. Make a backup before.",
        )
    if str(revision) > HEAD:
        raise Trouble(
            Verdict.FAIL,
            f"{where} has schema {revision}, this version knows {HEAD}",
            "A newer version has used this database: run that version.",
        )
    return f"{where}, schema {revision}"


async def check_styles(settings: Settings) -> str:
    """They were learned with the checkpoint that the service has."""
    try:
        base = await asyncio.to_thread(checkpoint_hash, settings.checkpoint)
    except ModelError:
        return "not looked at: there is no checkpoint to compare them with"
    engine = create_engine(settings.database)
    there = and_(StyleRow.blob_key.is_not(None), StyleRow.owner != PRESET_OWNER)
    counts = select(func.count(), func.count().filter(StyleRow.base_hash != base)).where(there)
    try:
        async with engine.connect() as connection:
            styles, others = (await connection.execute(counts)).one()
    except (DBAPIError, OSError):
        return "not looked at: the database cannot be read"
    finally:
        await engine.dispose()
    if others:
        raise Trouble(
            Verdict.WARN,
            f"{others} of {styles} were learned with another checkpoint, and cannot be applied",
            "Their owners learn them again: POST /v1/styles/{id}/relearn, or the button in the studio.",
        )
    return f"{styles}, all of this checkpoint"


async def check_storage(settings: Settings) -> str:
    """A blob is written, read and deleted."""
    blobs = Blobs.open(settings)
    key, data = trial_key(new_id("img")), b"fewstroke doctor"
    try:
        await blobs.put(key, data)
        if await blobs.get(key) != data:
            raise Trouble(
                Verdict.FAIL,
                f"{settings.blobs} gives back other bytes than it was given",
                "Do not use this storage: check its disk, or what stands between here and there.",
            )
    finally:
        await blobs.delete([key])
    return f"{settings.blobs}: written, read, deleted"


async def check_broker(settings: Settings) -> str:
    """Reached, with JetStream; says how many workers live. One that is embedded and does not run is tried."""
    try:
        client = await _connected(settings)
    except (Trouble, BrokerUnavailableError):
        if settings.nats_url is None:
            await _try_embedded(settings)
        raise
    try:
        jetstream = client.jetstream(timeout=_CONNECT)
        account = await jetstream.account_info()
        await _check_replicas(jetstream, settings.nats_replicas)
        try:
            workers = len(await heartbeats(jetstream))
        except NotFoundError:
            workers = 0  # the first start makes the streams
    finally:
        await client.close()
    if not workers:
        raise Trouble(
            Verdict.WARN,
            f"{_where(client)} answers; no worker has sent a heartbeat in the last 15 seconds",
            "Start `fewstroke serve`, or `fewstroke worker` on a machine with access to all of this.",
        )
    return f"{_where(client)}, {account.streams} streams, {workers} worker(s)"


async def _check_replicas(jetstream: JetStreamContext, replicas: int) -> None:
    """A stream with as many copies as ours are to have is made, and deleted."""
    if replicas == 1:
        return
    name = new_id("req").replace("req", "DOCTOR")
    try:
        await jetstream.add_stream(
            name=name, subjects=[name], num_replicas=replicas, storage=StorageType.MEMORY, max_msgs=1
        )
        await jetstream.delete_stream(name)
    except (NatsError, TimeoutError) as error:
        raise Trouble(
            Verdict.FAIL,
            f"the broker answers and makes no stream with {replicas} copies: {reason(error)}",
            "Set FEWSTROKE_NATS_REPLICAS to 1, or name the servers of a cluster of at least "
            f"{replicas} in FEWSTROKE_NATS_URL and see that all run.",
        ) from error


async def check_clock(settings: Settings) -> str:
    """The clocks of this machine and of the database server, or of the broker, agree."""
    if settings.database.get_backend_name() != "postgresql":
        return "database and service share this machine's clock"
    engine = create_engine(settings.database)
    try:
        async with engine.connect() as connection:
            before = datetime.now(UTC)
            theirs = await connection.scalar(text("SELECT clock_timestamp()"))
            after = datetime.now(UTC)
    except (OSError, DBAPIError) as error:
        raise Trouble(
            Verdict.WARN, "not compared: the database does not answer", "Mend the database first."
        ) from error
    finally:
        await engine.dispose()
    assert isinstance(theirs, datetime)
    middle = before + (after - before) / 2
    skew = abs((theirs - middle).total_seconds()) - (after - before).total_seconds() / 2
    if skew > _SKEW:
        raise Trouble(
            Verdict.WARN,
            f"the database's clock is {skew:.1f} s away from this machine's",
            "Keep the clocks of all machines in step (NTP, chrony).",
        )
    return f"within {max(skew, 0):.1f} s of the database's"


async def _connected(settings: Settings) -> Client:
    address = find_broker(
        settings.data_dir,
        url=settings.nats_url,
        token=settings.nats_token.get_secret_value() if settings.nats_token else None,
    )
    client = Client()
    errors: list[Exception] = []

    async def remember(error: Exception) -> None:
        errors.append(error)

    try:
        # Bounded here: the client tries sixty times, two seconds apart, also without `allow_reconnect`.
        async with asyncio.timeout(_CONNECT):
            await client.connect(
                address.url,
                token=address.token,
                name="fewstroke-doctor",
                allow_reconnect=False,
                connect_timeout=_CONNECT,
                error_cb=remember,
            )
    except (NatsError, TimeoutError, OSError) as error:
        with suppress(NatsError, TimeoutError, OSError):
            async with asyncio.timeout(_CONNECT):
                await client.close()
        why = errors[-1] if errors else error
        raise Trouble(
            Verdict.FAIL,
            f"no broker answers at {address.url}: {why or type(why).__name__}",
            "Start `fewstroke serve` on this data folder, or check FEWSTROKE_NATS_URL and its token.",
        ) from error
    return client


async def _try_embedded(settings: Settings) -> None:
    """A broker starts in a folder of its own beside the one that `fewstroke serve` would use, and ends."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".doctor-", dir=settings.data_dir) as folder:
        try:
            async with EmbeddedServer(Path(folder)):
                return
        except BrokerStartError as error:
            raise Trouble(
                Verdict.FAIL,
                str(error),
                "`fewstroke serve` will fail like this: mend what the broker names, choose another folder "
                "with --data-dir, or set FEWSTROKE_NATS_URL.",
            ) from error


def _where(client: Client) -> str:
    url = client.connected_url
    return f"{url.scheme}://{url.hostname}:{url.port}" if url else "the broker"
