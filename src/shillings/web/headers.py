"""The headers that a mount adds to each of its replies."""

from shillings.web.asgi import Headers

_HSTS = (b"strict-transport-security", b"max-age=31536000")

_API: Headers = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]


def api_headers(*, behind_tls: bool) -> Headers:
    """The strict ones of the API: JSON, kept by nobody, shown in no page."""
    return [*_API, _HSTS] if behind_tls else _API
