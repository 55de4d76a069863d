"""The settings: read once, at start, from SHILLINGS_* variables and flags; wrong ones are refused with a sentence."""

import difflib
import re
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, get_type_hints

import msgspec
from msgspec import Meta

from shillings.auth.keys import weakness
from shillings.base.errors import SettingsError
from shillings.base.money import iso_decimals
from shillings.runtime.addresses import is_host_and_port, is_http_url, is_redis_url
from shillings.sandbox.idempotency import PRESETS
from shillings.web.limits import Limits
from shillings.webhooks.schedule import PAUSE_SECONDS
from shillings.webhooks.targets import Policy, read_listener, read_networks

PREFIX = "SHILLINGS_"
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
SANDBOX_KEY_CHARACTERS_MIN = 16
RATE = "^[1-9][0-9]{0,6}/[1-9][0-9]{0,4}$"
"""So many in so many seconds."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default. The field `x_y` is set by the variable `SHILLINGS_X_Y`."""

    data_dir: Annotated[
        str, Meta(min_length=1, description="Where the embedded database and the generated JWT key are kept.")
    ] = ".shillings"
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
    cookie_name: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9_-]{1,64}$",
            description="The name of the session's cookie. Change it where another program on the host uses it too.",
        ),
    ] = "token"
    allowed_origins: Annotated[
        str,
        Meta(
            description="Origins of web pages that may call the API from browsers, with cookies, separated by commas: "
            "`http://localhost:3000`. Empty: none but its own."
        ),
    ] = ""
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="The currency of this deployment, ISO 4217.")] = (
        "USD"
    )
    currency_decimals: Annotated[
        str,
        Meta(
            pattern="^[0-4]?$",
            description="How many decimals the currency's amounts have, at most 4. Empty: as many as ISO 4217 says.",
        ),
    ] = ""
    request_timeout_ms: Annotated[
        int, Meta(ge=100, le=60_000, description="How long the web layer waits for the application layer.")
    ] = 5_000
    connections_max: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="The most connections of one web server; fewer where it may open fewer files. "
            "One more is answered `overloaded`.",
        ),
    ] = Limits().connections
    connections_per_address_max: Annotated[
        int, Meta(ge=0, le=100_000, description="Of these, the most from one address. 0: half of them.")
    ] = 0
    head_timeout_ms: Annotated[
        int,
        Meta(ge=100, le=600_000, description="How long a client may take to connect and send its request's head."),
    ] = 10_000
    body_timeout_ms: Annotated[
        int, Meta(ge=100, le=600_000, description="How long it may then take to send the body.")
    ] = 20_000
    keep_alive_ms: Annotated[
        int,
        Meta(
            ge=100,
            le=3_600_000,
            description="How long a connection is kept for the next request. A proxy in front must keep it shorter.",
        ),
    ] = 75_000
    batch_items_max: Annotated[
        int,
        Meta(
            ge=1,
            le=512,
            description="The most items that are executed as one batch. "
            "Smaller batches let one be answered while the next is in the database.",
        ),
    ] = 64
    optimistic_locking: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Whether payments and top-ups on MariaDB and MySQL are decided on the wallets that a server "
            "remembers, and compared as they are written, instead of being read under locks first. `auto`: with pauses "
            "while others change the same wallets. `on`: without."
        ),
    ] = "auto"
    queue_items_max: Annotated[
        int,
        Meta(
            ge=1, le=100_000, description="The most items that wait to be executed; one more is answered `overloaded`."
        ),
    ] = 2_048
    password_threads: Annotated[
        int,
        Meta(ge=0, le=64, description="Threads that hash passwords. 0: one fewer than the processors, at least one."),
    ] = 0
    rate_limits: Annotated[
        bool,
        Meta(description="Whether passwords, emails and receivers can be guessed only so often. See README.md."),
    ] = True
    rate_account_failures: Annotated[
        str,
        Meta(
            pattern=RATE,
            description="How many wrong passwords of one account, in how many seconds. Those from addresses where it "
            "was used before are counted apart, for each.",
        ),
    ] = "10/60"
    rate_address_failures: Annotated[
        str,
        Meta(
            pattern=RATE,
            description="How many wrong passwords from one address, of accounts that were not used there before; and, "
            "counted apart, sign-ups with emails that are taken.",
        ),
    ] = "100/60"
    rate_address_signups: Annotated[
        str, Meta(pattern=RATE, description="How many sign-ups from one address, in how many seconds.")
    ] = "3000/60"
    rate_unknown_receivers: Annotated[
        str, Meta(pattern=RATE, description="How many payments and holds of one user to receivers that do not exist.")
    ] = "100/60"
    trusted_proxies: Annotated[
        str,
        Meta(
            description="Addresses and networks of the proxies in front of the web servers, separated by commas: their "
            "`X-Forwarded-For` says where a client is. Empty: none, and a client is where its connection comes from."
        ),
    ] = ""
    seed: Annotated[
        str,
        Meta(
            max_length=100,
            description="The same seed, with the same requests one after the other on new data, gives the same ids. "
            "Empty: ids that nobody can foretell.",
        ),
    ] = ""
    frozen_at: Annotated[
        str,
        Meta(
            pattern=r"^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,15}(Z|z|[+-][0-9]{2}:[0-9]{2})$",
            description="A time (RFC 3339) at which the clock is frozen. Empty: the machine's clock.",
        ),
    ] = ""
    idempotency: Annotated[
        str,
        Meta(
            description=f"How idempotency keys behave: {', '.join(PRESETS)}. See docs/faults.md.",
            pattern=f"^({'|'.join(PRESETS)})$",
        ),
    ] = "shillings"
    sandbox: Annotated[
        bool,
        Meta(
            description="Faults on command, and all of `/v1/sandbox`. On in `shillings serve` unless said otherwise; "
            "elsewhere set it for the web and the application servers alike."
        ),
    ] = False
    sandbox_key: Annotated[
        str,
        Meta(
            description="A secret that calls to the sandbox must bring as a Bearer token. Needed beyond loopback.",
            pattern=f"^$|^[!-~]{{{SANDBOX_KEY_CHARACTERS_MIN},200}}$",
        ),
    ] = ""
    sandbox_hosts: Annotated[
        str,
        Meta(description="Names besides those of loopback by which the sandbox may be called, separated by commas."),
    ] = ""
    events: Annotated[
        Literal["listened", "always"],
        Meta(description="`listened`: events are kept for users to whose webhooks they go. `always`: for everybody."),
    ] = "listened"
    deliverer_key: Annotated[
        str,
        Meta(
            description="What `shillings webhooks` shows to the application servers; the same for all of them, at "
            "least 32 bytes. `shillings serve` makes one when it starts. Empty: no webhooks."
        ),
    ] = ""
    webhook_allow: Annotated[
        str,
        Meta(
            description="Ranges of private addresses, separated by commas, that webhooks may be delivered to, such as "
            "`10.0.0.0/8`. `shillings serve` allows loopback while it listens on loopback itself."
        ),
    ] = ""
    webhook_never: Annotated[
        str,
        Meta(
            description="`host:port` of Shillings' own listeners, separated by commas: webhooks are never delivered "
            "there. Each process knows its own; this is for the others, where private addresses are allowed."
        ),
    ] = ""
    webhook_retry_seconds: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,6}( *, *[0-9]{1,6}){0,19}$",
            description="The pauses between the attempts of a delivery, by commas; there is one attempt more.",
        ),
    ] = ",".join(str(pause) for pause in PAUSE_SECONDS[1:])
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

    @property
    def decimals(self) -> int:
        """How many decimals amounts have."""
        return int(self.currency_decimals) if self.currency_decimals else iso_decimals(self.currency)

    def origins(self) -> list[str]:
        """The origins that browsers may call from."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]

    def limits(self) -> Limits:
        """What clients' connections may be like."""
        return Limits(
            head_seconds=self.head_timeout_ms / 1000,
            body_seconds=self.body_timeout_ms / 1000,
            keep_alive_seconds=self.keep_alive_ms / 1000,
            connections=self.connections_max,
            connections_per_address=self.connections_per_address_max,
        )

    def signing_keys(self) -> list[str]:
        """The JWT secrets, the signing one first; empty when one must be generated."""
        return [key.strip() for key in self.jwt_keys.split(",") if key.strip()]

    def rate(self, name: str) -> tuple[int, int]:
        """A rate as so many, in so many seconds."""
        amount, _, seconds = getattr(self, f"rate_{name}").partition("/")
        return int(amount), int(seconds)

    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of the proxies that are believed. Raises SettingsError."""
        try:
            return read_networks(self.trusted_proxies)
        except ValueError as error:
            raise SettingsError(f"{PREFIX}TRUSTED_PROXIES is wrong: {error}") from None

    def retry_pauses(self) -> tuple[float, ...]:
        """The pause before each attempt of a delivery; the first has none."""
        return 0.0, *[float(pause) for pause in self.webhook_retry_seconds.split(",")]

    def webhook_policy(self) -> Policy:
        """Where webhooks may be delivered to. Raises SettingsError."""
        try:
            allowed = read_networks(self.webhook_allow)
        except ValueError as error:
            raise SettingsError(f"{PREFIX}WEBHOOK_ALLOW is wrong: {error}") from None
        never = [place.strip() for place in self.webhook_never.split(",") if place.strip()]
        for place in never:
            if not is_host_and_port(place):
                raise SettingsError(f"{PREFIX}WEBHOOK_NEVER must hold host:port, not {place!r}.")
        return Policy(allowed, tuple(read_listener(place) for place in never))

    def frozen_moment(self) -> datetime | None:
        """The time at which the clock is frozen; None when it runs."""
        return datetime.fromisoformat(self.frozen_at) if self.frozen_at else None

    def sandbox_names(self) -> list[str]:
        """The names besides those of loopback by which the sandbox may be called."""
        return [name.strip() for name in self.sandbox_hosts.split(",") if name.strip()]


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
    try:
        settings.frozen_moment()
    except ValueError as error:
        raise SettingsError(f"{PREFIX}FROZEN_AT is wrong: {error}") from None
    settings.webhook_policy()
    settings.proxies()
    if settings.deliverer_key and (reason := weakness(settings.deliverer_key)):
        raise SettingsError(f"{PREFIX}DELIVERER_KEY {reason}.")
    for key in settings.signing_keys():
        if reason := weakness(key):
            raise SettingsError(f"{PREFIX}JWT_KEYS has a secret that {reason}.")
    for origin in settings.origins():
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"{PREFIX}ALLOWED_ORIGINS: {origin!r} is no origin. Write http://host or https://host, with a port if"
                " it has one, and nothing behind it. There is no wildcard, because cookies are allowed"
            )
    if settings.redis_url and not is_redis_url(settings.redis_url):
        # What is in it may be a password, so it is not repeated.
        raise SettingsError(
            f"{PREFIX}REDIS_URL is wrong: it must be redis://host:port/database, the database a number. "
            "In a password, write %23 for #, %2F for /, %3F for ? and %40 for @"
        )
    if settings.metrics_listen and not is_host_and_port(settings.metrics_listen):
        raise SettingsError(f"{PREFIX}METRICS_LISTEN must be host:port, not {settings.metrics_listen!r}.")
    if settings.trace_endpoint and not is_http_url(settings.trace_endpoint):
        raise SettingsError(f"{PREFIX}TRACE_ENDPOINT must begin with http:// or https://, and name a host.")


def _nearest(variable: str, known: Mapping[str, str]) -> str:
    # Without the prefix: all have it in common, so with it any two look alike.
    names = [name.upper() for name in known.values()]
    near = difflib.get_close_matches(variable.removeprefix(PREFIX).upper(), names, n=1)
    return f"; did you mean {PREFIX}{near[0]}" if near else "; docs/settings.md lists them all"
