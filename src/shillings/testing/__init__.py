"""For tests of software that moves money: a Shillings of your own, a client, and people who pay.

    with ShillingsServer() as server:
        ann, bob = server.new_user("ann", balance="10.00"), server.new_user("bob")
        answer = ann.pay(bob.email, "2.50", key="order-42")
        assert answer.outcome == (200, "ok")
        assert ann.balance == Decimal("7.50")

With pytest, the fixture `shillings_server` is one server for all tests of a run.
"""

from shillings.testing.client import Answer, Client, User
from shillings.testing.process import ServerFailed
from shillings.testing.server import ShillingsServer

__all__ = ["Answer", "Client", "ServerFailed", "ShillingsServer", "User"]
