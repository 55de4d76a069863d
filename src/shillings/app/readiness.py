"""Readiness: whether this application server can serve."""

from shillings.app.call import Call, Result
from shillings.contract.shillings_pb2 import ReadyAnswer, ReadyRequest
from shillings.storage.executor import Executor


class Readiness:
    """Answers load balancers and supervisors.

    Args:
        reads: an executor that reads.
    """

    def __init__(self, *, reads: Executor) -> None:
        self._reads = reads

    async def check(self, _call: Call, _request: ReadyRequest) -> Result:
        """Ask the database something. Raises Unavailable when it does not answer."""
        await self._reads.run(lambda connection: connection.query("SELECT 1"))
        return Result(ReadyAnswer())
