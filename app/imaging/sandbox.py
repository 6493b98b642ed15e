"""Confine a process that decodes untrusted pictures: no network, no files, bounded memory and time.

It gains no rights, writes no large files and no core dumps, opens few files, starts no processes' worth of
threads, and, on a Linux with Landlock, reads only programs and libraries, writes only temporary files, and
connects to nothing. Where the kernel has less, less holds: the process still knows no secrets.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446  # on every architecture
_RULE_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_ALL_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
_NETWORK = (1 << 0) | (1 << 1)  # bind and connect, TCP; since ABI 4
_FILE_BYTES = 4 * 2**30
_FILES = 64


def confine() -> bool:
    """Give rights up, for good; whether Landlock was there to take them."""
    _limit()
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return _landlock(libc)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on this platform
        return
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _landlock(libc: ctypes.CDLL) -> bool:
    abi = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, 1)
    if abi < 1:
        return False
    everything = _ALL_OF_ABI[min(abi, 3)]
    attributes = struct.pack("QQ", everything, _NETWORK) if abi >= 4 else struct.pack("Q", everything)
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for folder in _readable():
            _allow(libc, ruleset, folder, _EXECUTE | _READ_FILE | _READ_DIR)
        _allow(libc, ruleset, Path(tempfile.gettempdir()), everything)
        return bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _readable() -> list[Path]:
    """Programs and libraries: ours, Python's, the system's.

    Ours are named one by one: an editable installation is found by a hook, and on no path.
    """
    ours = [spec.origin for name in ("app", "model") if (spec := find_spec(name)) is not None]
    folders = [str(Path(origin).parent) for origin in ours if origin is not None]
    named = {
        *folders,
        sys.prefix,
        sys.base_prefix,
        *filter(None, sys.path),
        "/usr",
        "/lib",
        "/lib64",
        "/opt",
        "/etc",
    }
    return [Path(name) for name in named]


def _allow(libc: ctypes.CDLL, ruleset: int, folder: Path, rights: int) -> None:
    try:
        descriptor = os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
    except OSError:
        return  # it is not there
    try:
        if not folder.is_dir():
            rights &= _EXECUTE | _READ_FILE
        rule = struct.pack("=Qi", rights, descriptor)
        libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
