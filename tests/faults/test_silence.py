"""Peers that begin and say no more."""

import time

from shillings.contract import shillings_pb2 as wire
from tests.frames import Peer
from tests.service import AppServer

HALF_FRAME_SECONDS_MAX = 10.0


def test_half_a_frame_and_silence_is_cut_off(app_server: AppServer, half_a_frame: tuple[Peer, float]) -> None:
    """A peer that sends half a frame and falls silent is cut off after ten seconds; one that is just idle is not."""
    silent, began = half_a_frame
    with Peer(app_server.port) as idle:
        assert idle.ask(wire.RDY).code == wire.OK

        waited_for = max(0.0, HALF_FRAME_SECONDS_MAX - (time.monotonic() - began))
        assert silent.is_cut_off(seconds=waited_for + 2)

        assert "half a frame and 10 s of silence" in app_server.output
        assert idle.ask(wire.RDY).code == wire.OK
