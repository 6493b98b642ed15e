"""Decode names of uploaded files that are not written in plain UTF-8.

Clients write ``filename*`` (RFC 2231, from mail and older HTTP libraries) and encoded words (RFC 2047, .NET).
"""

import re
from binascii import Error as Base64Error
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import collapse_rfc2231_value

_ENCODED_WORDS = re.compile(r"(=\?[\w!#$%&+^`{}~-]+\?[bq]\?[^?\s]*\?=\s*)+", re.IGNORECASE | re.ASCII)


def extended_name(disposition: bytes) -> str | None:
    """What ``filename*`` of a Content-Disposition says; None: it is not there, or says nothing."""
    if b"filename*" not in disposition.lower():
        return None
    message = Message()
    message["Content-Disposition"] = disposition.decode("latin-1").replace("\r", " ").replace("\n", " ")
    try:
        parameters = message.get_params(header="content-disposition") or []
    except (ValueError, LookupError):
        return None
    for key, value in parameters:
        if key.lower() == "filename" and isinstance(value, tuple):
            return collapse_rfc2231_value(value) or None
    return None


def plain_name(name: str) -> str:
    """A name whose encoded words are read; every other one as it is."""
    if not _ENCODED_WORDS.fullmatch(name):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (MessageError, LookupError, ValueError, Base64Error):
        return name
