"""The one place that builds and wires the concrete parts of the web layer."""

from shillings.base.environment import Environment
from shillings.base.ids import RandomIds
from shillings.base.money import Currency
from shillings.contract.commands import Auth
from shillings.runtime.settings import Settings
from shillings.telemetry.metrics import Metrics
from shillings.telemetry.tracing import Tracing
from shillings.web.addresses import Proxies
from shillings.web.api import Api
from shillings.web.cors import Cors
from shillings.web.delivery import Held
from shillings.web.documents import Documents
from shillings.web.endpoints import ENDPOINTS
from shillings.web.guard import Guard
from shillings.web.headers import api_headers
from shillings.web.health import ALIVE, READY, Health
from shillings.web.openapi import document
from shillings.web.replies import encode
from shillings.web.sandbox import SandboxEdge
from shillings.web.site import Mount, Observe, Site
from shillings.wire.address import Address
from shillings.wire.client import AppClient


def make_web(
    settings: Settings, addresses: list[Address], metrics: Metrics, tracing: Tracing, environment: Environment
) -> Site:
    """The web layer's ASGI application."""
    client = AppClient(addresses)
    metrics.gauge(
        "shillings_app_requests_in_flight", "Requests that wait for the application layer.", lambda: client.in_flight
    )
    return make_site(settings, client, metrics.observe_http, tracing, environment)


def make_site(
    settings: Settings, client: AppClient, observe: Observe, tracing: Tracing, environment: Environment
) -> Site:
    """Everything that is served, before an application layer."""
    currency = Currency(settings.currency, settings.decimals)
    endpoints = [one for one in ENDPOINTS if settings.sandbox or one.command.auth is not Auth.SANDBOX]
    held = Held()
    guard = Guard(settings.sandbox_key, settings.sandbox_names())
    api = Api(
        client=client,
        currency=currency,
        cookie_name=settings.cookie_name,
        cookie_secure=settings.cookie_secure,
        timeout_s=settings.request_timeout_ms / 1000,
        tracing=tracing,
        sandbox=SandboxEdge(guard, held) if settings.sandbox else None,
        endpoints=endpoints,
        proxies=Proxies(settings.proxies()),
    )
    headers = api_headers(behind_tls=settings.cookie_secure)
    # Health is asked whenever somebody's timer says so: that must not change the ids of a seeded service's requests.
    others = RandomIds(environment.clock)
    documents = Documents({"/openapi.json": encode(document(endpoints, currency, settings.cookie_name))})
    return Site(
        [
            Mount((ALIVE, READY), Health(client, currency).reply, headers, others),
            Mount(("/openapi.json",), documents.reply, headers, others),
        ],
        otherwise=Mount(("/v1/",), api.reply, headers, environment.ids),
        lifetime=client,
        held=held,
        observe=observe,
        log_each=settings.log_level == "debug",
        cors=Cors(settings.origins()) if settings.allowed_origins else None,
    )
