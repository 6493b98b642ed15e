"""Read a ZIP of photos, without believing what it says of itself.

Only its directory is read as a whole, and only when that is small: names and sizes. A photo is read when its
turn comes, no further than a photo may be large.
"""

import errno
import lzma
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

from app.errors import ArchiveInvalidError, FileTooLargeError, ImageCorruptError, TooManyFilesError
from app.settings import MIB
from app.validators import shortened

_END = b"PK\x05\x06"  # of the directory, with how large it is
_END_LENGTH = 22
_LONGEST_COMMENT = 65_535
_ZIP64 = b"PK\x06\x07"  # stands right before it in archives beyond 4 GiB
_ENTRY_BYTES = 1500  # of the directory for a photo: names with folders, and what programs add
_NO_PHOTOS = frozenset({"thumbs.db", "desktop.ini"})
_NAME_LENGTH = 1000
_UNREADABLE = (
    zipfile.BadZipFile,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,  # a password, a method that is not known
    ValueError,
)
_ADVICE = "make the archive again with a usual program, deflated, in one part and without a password"


def photos_in(path: Path, most: int) -> list[str]:
    """The names of the photos in an archive, in its order: of all files but those that systems add.

    Raises ArchiveInvalidError, TooManyFilesError.
    """
    _refuse_large_directory(path, most)
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if _is_photo(info)]
    except _UNREADABLE as error:
        raise ArchiveInvalidError(f"`photos` cannot be read as a ZIP ({error}): {_ADVICE}.") from error
    if not names:
        raise ArchiveInvalidError("`photos` holds no files: put the photos into the ZIP and send it again.")
    if len(names) > most:
        raise TooManyFilesError(
            f"`photos` holds {len(names)} files, and a batch has at most {most}: send several batches.",
            field="photos",
        )
    if any(len(name) > _NAME_LENGTH for name in names):
        raise ArchiveInvalidError(f"`photos` holds names of more than {_NAME_LENGTH} letters: shorten them.")
    (twice, count), *_ = Counter(names).most_common(1)
    if count > 1:
        raise ArchiveInvalidError(f"`photos` holds {_shown(twice)} twice: give each photo a name of its own.")
    return names


def extract(path: Path, name: str, target: Path, max_bytes: int) -> None:
    """Write one photo of an archive to a file.

    Raises FileTooLargeError, ImageCorruptError, OSError when there is no room.
    """
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(archive.getinfo(name)) as source,
            target.open("wb") as out,
        ):
            left = max_bytes + 1  # whatever the directory says of its size
            while left > 0 and (piece := source.read(min(left, MIB))):
                left -= len(piece)
                out.write(piece)
    except (KeyError, *_UNREADABLE) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise ImageCorruptError(
            f"{_shown(name)} cannot be read from the ZIP ({error}): {_ADVICE}."
        ) from error
    if left <= 0:
        raise FileTooLargeError(f"{_shown(name)} is larger than {max_bytes / MIB:g} MiB: send a smaller one.")


def _shown(name: str) -> str:
    return shortened("".join(letter if letter.isprintable() else "?" for letter in name), 100)


def _is_photo(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename).parts
    hidden = any(part.startswith(".") and part != ".." for part in parts) or "__MACOSX" in parts
    return not info.is_dir() and not hidden and parts[-1].lower() not in _NO_PHOTOS


def _refuse_large_directory(path: Path, most: int) -> None:
    """``zipfile`` reads the whole directory into memory, as large as it says that it is."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        tail = min(size, _END_LENGTH + _LONGEST_COMMENT + 20)
        file.seek(size - tail)
        data = file.read(tail)
    at = data.rfind(_END)
    if at < 0 or at + _END_LENGTH > len(data):
        raise ArchiveInvalidError(f"`photos` is no ZIP: {_ADVICE}.")
    if _ZIP64 in data[max(0, at - 20) : at]:
        raise ArchiveInvalidError("`photos` is a ZIP64, of more than 4 GiB: send several smaller batches.")
    (count, length) = struct.unpack_from("<10xHL", data, at)
    if length > _ENTRY_BYTES * (2 * most + 100):  # besides photos there are folders and what systems add
        raise TooManyFilesError(
            f"`photos` lists {count} files and more: a batch has at most {most}; send several batches.",
            field="photos",
        )
