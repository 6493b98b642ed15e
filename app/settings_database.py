"""Convert the database URL from an operator's form to SQLAlchemy's and asyncpg's."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
OPTIONS = frozenset(
    {
        "command_timeout",
        "database",
        "gsslib",
        "host",
        "krbsrvname",
        "passfile",
        "password",
        "port",
        "prepared_statement_cache_size",  # SQLAlchemy's own
        "service",
        "servicefile",
        "ssl",
        "target_session_attrs",
        "user",
    }
)
"""What asyncpg takes as text."""


def parse_database_url(text: str) -> URL:
    """As an async SQLAlchemy URL; ``sslmode``, by which libpq asks for TLS, as asyncpg's ``ssl``.

    Raises ValueError, with a sentence that names what is wrong and none of the URL's secrets.
    """
    driver = _DRIVERS.get(text.partition(":")[0].partition("+")[0])
    if driver is None:
        raise ValueError("only postgresql://... and sqlite:///... are databases of this service")
    try:
        url = make_url(text).set(drivername=driver)
    except ArgumentError as error:
        raise ValueError("this is no URL of a database") from error
    return url if driver.startswith("sqlite") else _for_asyncpg(url)


def _for_asyncpg(url: URL) -> URL:
    options = dict(url.query)
    if "sslmode" in options:
        if options["sslmode"] not in _SSL_MODES or "ssl" in options:
            raise ValueError(f"sslmode must be given once, as one of {', '.join(_SSL_MODES)}")
        options["ssl"] = options.pop("sslmode")
    if unknown := sorted(options.keys() - OPTIONS):
        raise ValueError(
            f"the driver (asyncpg) does not know these options of the URL: {', '.join(unknown)}; leave them "
            "out (sslmode is understood; certificates are named by PGSSLROOTCERT, PGSSLCERT and PGSSLKEY)"
        )
    return url.set(query=options)
