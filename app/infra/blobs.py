"""The blob store: bytes under keys, in a folder by default or in an S3 bucket by URL (obstore).

Keys are chosen by the service (never by a user) and are never overwritten with other content.
"""

import asyncio
import errno
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from app.errors import BlobMissingError
from app.infra.blob_keys import FOLDERS, is_ours
from app.infra.commit_outcome import watch_commits
from app.infra.errors import StorageUnavailableError
from app.infra.logs import reason
from app.settings import Settings

_CHUNK = 256 * 1024
_S3_PATIENCE = timedelta(seconds=10)  # for which a request to S3 is tried again
_LISTED = 500  # keys a batch
_NO_ROOM = f"(os error {errno.ENOSPC})"
_STAGED = re.compile(r"(.+)#\d+")  # how obstore names a file that it is writing


class Blobs:
    """A flat store of immutable blobs. Writes are atomic: no reader sees half a blob."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder  # of a store on disk

    @classmethod
    def open(cls, settings: Settings) -> "Blobs":
        """The store that ``settings.blobs`` names; creates the folder when it is one.

        Raises StorageUnavailableError.
        """
        path = settings.blobs_folder
        try:
            if path is None:
                url = urlsplit(settings.blobs)
                return cls(_s3(url.netloc, url.path.strip("/"), settings))
            path.mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(prefix=path.absolute(), automatic_cleanup=True), path.absolute())
        except (OSError, BaseError) as error:
            raise StorageUnavailableError(
                f"The blob store {settings.blobs} cannot be opened: {reason(error)}. "
                "Check FEWSTROKE_BLOBS_URL, the S3 settings, and who may write there."
            ) from error

    async def put(self, key: str, data: bytes | Path) -> None:
        """Store ``data`` (bytes, or a file that is streamed from disk) under ``key``.

        Raises OSError with ENOSPC when the disk is full, and obstore's errors.
        """
        try:
            await obstore.put_async(self._store, key, data)
        except BaseError as error:
            if _NO_ROOM in str(error):  # the only place where it says so
                raise OSError(errno.ENOSPC, "no space left for a blob") from error
            raise

    async def get(self, key: str) -> bytes:
        """The whole blob. Raises BlobMissingError."""
        try:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        except FileNotFoundError as error:
            raise _missing(key) from error

    async def stream(self, key: str, part: tuple[int, int] | None = None) -> AsyncIterator[bytes]:
        """The blob, or its bytes from ``part[0]`` up to ``part[1]``, in chunks of about 256 kB; found missing
        before the first chunk (BlobMissingError)."""
        try:
            result = await obstore.get_async(self._store, key, options={"range": part} if part else None)
        except FileNotFoundError as error:
            raise _missing(key) from error

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in result.stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

        return chunks()

    def chunks(self, key: str) -> Iterator[bytes]:
        """As ``stream``, for threads: blocks. Raises BlobMissingError at the first chunk."""
        try:
            result = obstore.get(self._store, key)
        except FileNotFoundError as error:
            raise _missing(key) from error
        for chunk in result.stream(min_chunk_size=_CHUNK):
            yield bytes(chunk)

    async def exists(self, key: str) -> bool:
        """Whether the blob is there."""
        try:
            await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        return True

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs; those already gone are no error."""
        for key in keys:
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                continue

    @asynccontextmanager
    async def provisional(self) -> AsyncIterator[list[str]]:
        """The list for the keys of blobs whose rows a transaction inside the block writes, after the blobs.

        When the block fails, they go at once if no row can name them. Else they are left: a row may, and the
        sweeper of orphans looks before it takes them.
        """
        keys: list[str] = []
        with watch_commits() as commits:
            try:
                yield keys
            except BaseException:
                if not commits.begun:
                    await self.delete(keys)
                raise

    async def keys(self, prefix: str = "") -> list[str]:
        """All keys under a prefix (a whole path segment, e.g. ``results/job_…``), sorted."""
        found = [
            item["path"] async for batch in obstore.list(self._store, prefix=prefix or None) for item in batch
        ]
        return sorted(found)

    async def older_than(self, moment: datetime) -> AsyncIterator[list[str]]:
        """Batches of our keys whose blobs were written before ``moment``, by the store's clock.

        What else a folder or bucket holds is never among them.
        """
        for folder in FOLDERS:
            async for batch in obstore.list(self._store, prefix=folder, chunk_size=_LISTED):
                keys = [
                    item["path"] for item in batch if item["last_modified"] < moment and is_ours(item["path"])
                ]
                if keys:
                    yield keys

    async def delete_unfinished(self, older_than: datetime) -> int:
        """Delete what writers left that were killed while they wrote a key of ours: files that no listing
        shows. How many.

        In S3 such parts are for the bucket's lifecycle rule (AbortIncompleteMultipartUpload).
        """
        if self._folder is None:
            return 0
        return await asyncio.to_thread(_delete_staged, self._folder, older_than.timestamp())

    async def check(self) -> None:
        """One round trip for readiness; raises what the store raises, and StorageUnavailableError when a
        folder may not be written. Whether a bucket may be, only a write would tell, and each has its price:
        `fewstroke doctor` makes one."""
        await obstore.list_with_delimiter_async(self._store, prefix="ready")
        if self._folder is not None:
            await asyncio.to_thread(_try_to_write, self._folder)


def _try_to_write(folder: Path) -> None:
    """A file without a name in the folder and in those in it that writers have made. Raises
    StorageUnavailableError."""
    for part in (folder, *(part for name in FOLDERS if (part := folder / name).exists())):
        try:
            with TemporaryFile(dir=part):
                pass
        except OSError as error:
            raise StorageUnavailableError(
                f"The blob store {part} cannot be written ({error.strerror}): give this user the right to "
                "write there, or choose another folder with FEWSTROKE_BLOBS_URL."
            ) from error


def _delete_staged(folder: Path, older_than: float) -> int:
    deleted = 0
    for path in (path for part in FOLDERS for path in (folder / part).rglob("*#*")):
        staged = _STAGED.fullmatch(path.relative_to(folder).as_posix())
        try:
            if staged and is_ours(staged[1]) and path.is_file() and path.stat().st_mtime < older_than:
                path.unlink()
                deleted += 1
        except FileNotFoundError:  # its writer has ended after all
            continue
    return deleted


def _s3(bucket: str, prefix: str, settings: Settings) -> S3Store:
    options: dict[str, str] = {"region": settings.s3_region}
    if settings.s3_access_key_id and settings.s3_secret_access_key:
        options["access_key_id"] = settings.s3_access_key_id
        options["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
    client: dict[str, bool] = {}
    if settings.s3_endpoint:
        options["endpoint"] = settings.s3_endpoint
        client["allow_http"] = settings.s3_endpoint.startswith("http://")
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=options,  # type: ignore[arg-type]
        client_options=client,  # type: ignore[arg-type]
        retry_config={"max_retries": 5, "retry_timeout": _S3_PATIENCE},
    )


def _missing(key: str) -> BlobMissingError:
    return BlobMissingError(f"The stored file {key} is gone from the blob store: submit the pictures again.")
