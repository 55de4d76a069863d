"""The rate limits of an application server, as the settings have them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shillings.app.call import Handler
from shillings.auth.pseudonyms import Pseudonyms
from shillings.base.epoch import Epoch
from shillings.contract.commands import Command
from shillings.runtime.settings import Settings

if TYPE_CHECKING:
    from shillings.app.rate_limits import RateLimits


def make_rate_limits(settings: Settings, secret: str, on_failure: Callable[[], None]) -> "RateLimits | None":
    """Limits that are counted in Redis where there is one, or else in this process; None where they are off.

    Args:
        settings: what they are.
        secret: names accounts where they are counted; the same for all servers.
        on_failure: told whenever Redis failed.
    """
    if not settings.rate_limits:
        return None
    # Only where they are on: the package takes a while to import.
    from shillings.app.rate_limits import RateLimits, Rates
    from shillings.cache.counters import Counters, MemoryStorage, SharedStorage

    rates = Rates(*(settings.rate(name) for name in Rates._fields))
    storage = SharedStorage(settings.redis_url, on_failure) if settings.redis_url else MemoryStorage()
    return RateLimits(rates, Counters(storage), Pseudonyms(secret))


def with_limits(limits: "RateLimits | None", handlers: dict[Command, Handler], epoch: Epoch) -> dict[Command, Handler]:
    """The handlers with limits around them, where there are any.

    They are inside the sandbox's faults: what those make of an answer is nobody's guess.

    Args:
        limits: forget everything when another epoch begins.
        handlers: those of every command.
        epoch: which life of the books this is.
    """
    if limits is None:
        return handlers
    epoch.on_change(limits.forget)
    return limits.around(handlers)
