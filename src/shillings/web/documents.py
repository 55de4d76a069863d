"""Documents that are made once, at start, and served as they are."""

from collections.abc import Mapping

from shillings.web.replies import MethodNotAllowed, Reply
from shillings.web.site import Incoming


class Documents:
    """Serves documents.

    Args:
        documents: their bytes by path.
    """

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents

    async def reply(self, incoming: Incoming) -> Reply:
        """Reply to one request. Raises Refusal."""
        incoming.route = incoming.path
        if incoming.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(("GET",))
        return Reply(200, self._documents[incoming.path])
