"""Make, parse and hash API keys.

``fsk_<12 characters>_<43 characters>``: a prefix that secret scanners can look for, a public part that
names the row, and 256 random bits. Only the SHA-256 of the whole is stored. A slow hash (argon2) protects
passwords that people can remember; nobody can try out 256 bits, and a slow hash on every request would
be a way to keep the service busy.
"""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field

_ALPHABET = string.ascii_letters + string.digits
_PUBLIC, _SECRET = 12, 43  # characters; 43 of 62 letters hold 256 bits
_FORM = re.compile(rf"fsk_([0-9A-Za-z]{{{_PUBLIC}}})_[0-9A-Za-z]{{{_SECRET}}}")
_NOBODY = "0" * 64


@dataclass(frozen=True)
class NewSecret:
    """A key that was just made. ``text`` is shown once and kept nowhere."""

    text: str = field(repr=False)
    public: str
    digest: str


def new_secret() -> NewSecret:
    """A random key."""
    public, secret = (
        "".join(secrets.choice(_ALPHABET) for _ in range(length)) for length in (_PUBLIC, _SECRET)
    )
    text = f"fsk_{public}_{secret}"
    return NewSecret(text, public, digest(text))


def public_part(text: str) -> str | None:
    """What names the key's row; None when ``text`` has not the form of a key."""
    found = _FORM.fullmatch(text)
    return found.group(1) if found else None


def digest(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def matches(text: str, stored: str | None) -> bool:
    """Compare in constant time; ``stored`` None (no such key) takes as long as a wrong one."""
    return hmac.compare_digest(digest(text), stored or _NOBODY) and stored is not None
