"""The deliverer's parts, built and wired. It needs the `webhooks` extra."""

import os
from dataclasses import replace

from shillings.base.money import Currency
from shillings.runtime.settings import Settings
from shillings.telemetry.metrics import Metrics
from shillings.webhooks.deliverer import Deliverer
from shillings.webhooks.sender import Sender
from shillings.webhooks.targets import Listener, Policy
from shillings.wire.address import Address
from shillings.wire.client import AppClient


def make_deliverer(settings: Settings, client: AppClient, addresses: list[Address], metrics: Metrics) -> Deliverer:
    """A deliverer behind a way to the application layer. It is made where an event loop runs."""
    deliverer = Deliverer(
        client=client,
        sender=Sender(policy_of(settings, addresses)),
        currency=Currency(settings.currency, settings.decimals),
        key=settings.deliverer_key,
        deliverer_id=os.urandom(16),
        observe=metrics.observe_delivery,
    )
    metrics.gauge(
        "shillings_deliveries_under_way", "Deliveries that this deliverer has.", lambda: float(deliverer.under_way)
    )
    return deliverer


def policy_of(settings: Settings, addresses: list[Address]) -> Policy:
    """Where to deliver to: never to the application servers, nor to this process's own listener."""
    policy = settings.webhook_policy()
    own = [Listener(address.host, address.port) for address in addresses if not address.path]
    host, _, port = settings.metrics_listen.rpartition(":")
    if port:
        own.append(Listener(host.strip("[]"), int(port)))
    return replace(policy, own=(*policy.own, *own))
