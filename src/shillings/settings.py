"""The settings: read once, at start, from SHILLINGS_* variables and flags; wrong ones are refused with a sentence."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Literal, get_type_hints

import msgspec
from msgspec import Meta

from shillings.errors import SettingsError

PREFIX = "SHILLINGS_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default. The field `x_y` is set by the variable `SHILLINGS_X_Y`."""

    data_dir: Annotated[str, Meta(description="Where the embedded database and the generated JWT key are kept.")] = (
        ".shillings"
    )
    database_url: Annotated[
        str,
        Meta(
            description="`sqlite:///path` or `mysql+pymysql://user:password@host:port/name`. "
            "Empty: `shillings.db` in the data directory."
        ),
    ] = ""
    database_wait_seconds: Annotated[
        int, Meta(ge=0, le=3600, description="How long to wait at start for a database that is not there yet.")
    ] = 60
    require_durable: Annotated[
        bool, Meta(description="Refuse to start when the database's settings could lose an acknowledged payment.")
    ] = False
    redis_url: Annotated[str, Meta(description="`redis://host:port/0`. Empty: sessions are cached in the process.")] = (
        ""
    )
    jwt_keys: Annotated[
        str,
        Meta(
            description="Secrets of at least 32 bytes, separated by commas: the first signs, all verify. "
            "Empty: one is generated in the data directory."
        ),
    ] = ""
    token_lifetime_seconds: Annotated[int, Meta(ge=1, le=31_536_000, description="How long a login lasts.")] = 86_400
    cookie_secure: Annotated[
        bool,
        Meta(description="Mark the cookie Secure, so that browsers send it over TLS only. Switch it on behind TLS."),
    ] = False
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="The currency of this deployment, ISO 4217.")] = (
        "USD"
    )
    currency_decimals: Annotated[
        int, Meta(ge=0, le=4, description="How many decimals the currency's amounts have.")
    ] = 2
    request_timeout_ms: Annotated[
        int, Meta(ge=100, le=60_000, description="How long the web layer waits for the application layer.")
    ] = 5_000
    batch_items_max: Annotated[
        int,
        Meta(
            ge=1,
            le=512,
            description="The most items that one visit to the database takes. "
            "Smaller visits let one crowd be answered while the next is in the database.",
        ),
    ] = 64
    queue_items_max: Annotated[
        int,
        Meta(ge=1, le=100_000, description="The most items that wait for a visit; one more is answered `overloaded`."),
    ] = 2_048
    password_threads: Annotated[
        int,
        Meta(ge=0, le=64, description="Threads that hash passwords. 0: one fewer than the processors, at least one."),
    ] = 0
    metrics_listen: Annotated[
        str, Meta(description="`host:port` for this process's Prometheus metrics. Empty: none.")
    ] = ""
    log_format: Annotated[Literal["text", "json"], Meta(description="`json` for machines, `text` for people.")] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="`debug` adds a line for every request.")
    ] = "info"
    trace_endpoint: Annotated[
        str, Meta(description="An OTLP/HTTP address for OpenTelemetry traces (needs the `tracing` extra). Empty: none.")
    ] = ""

    def signing_keys(self) -> list[str]:
        """The JWT secrets, the signing one first; empty when one must be generated."""
        return [key.strip() for key in self.jwt_keys.split(",") if key.strip()]


def read(environ: Mapping[str, str], **flags: object) -> Settings:
    """The settings from the environment, flags above variables.

    Args:
        environ: the process's environment; only SHILLINGS_* is looked at.
        flags: what the command line said; None where it said nothing.

    Raises:
        SettingsError: a variable is unknown, or a value is wrong.
    """
    known = {PREFIX + name.upper(): name for name in get_type_hints(Settings)}
    values: dict[str, object] = {}
    for variable, text in environ.items():
        if variable.startswith(PREFIX):
            if variable not in known:
                raise SettingsError(f"{variable} is not a setting{_nearest(variable, known)}.")
            values[known[variable]] = text.strip()
    values.update({name: value for name, value in flags.items() if value is not None})
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        name = path.rstrip("`")
        raise SettingsError(f"{PREFIX}{name.upper()} is wrong: {reason[:1].lower()}{reason[1:]}") from None
    _check(settings)
    return settings


def describe() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default, description), for the documentation."""
    lines = []
    for field in msgspec.structs.fields(Settings):
        note = get_type_hints(Settings, include_extras=True)[field.name].__metadata__[0]
        default = str(int(field.default)) if isinstance(field.default, bool) else str(field.default)
        lines.append((PREFIX + field.name.upper(), default, note.description))
    return lines


def _check(settings: Settings) -> None:
    for key in settings.signing_keys():
        if len(key.encode()) < 32:
            raise SettingsError(f"{PREFIX}JWT_KEYS has a secret of {len(key.encode())} bytes; 32 are the least.")
        if len(set(key)) < 8:
            raise SettingsError(
                f"{PREFIX}JWT_KEYS has a secret that is easy to guess; make one with: openssl rand -hex 32"
            )


def _nearest(variable: str, known: Mapping[str, str]) -> str:
    # Without the prefix: all have it in common, so with it any two look alike.
    names = [name.upper() for name in known.values()]
    near = difflib.get_close_matches(variable.removeprefix(PREFIX).upper(), names, n=1)
    return f"; did you mean {PREFIX}{near[0]}" if near else "; docs/settings.md lists them all"
