"""HTTP as uvicorn reads it; what it cannot read gets the API's own answer."""

from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shillings.web.service import WebService


class HttpProtocol(HttpToolsProtocol):
    """One client's connection."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's sentence; the service has its own
        """Refuse what is not HTTP, and close: where the next request would begin, nobody knows."""
        self.transport.write(cast(WebService, self.config.app).refuse_unreadable())
        self.transport.close()
