"""Logs: whatever somebody sent, one event is one line, and no terminal obeys it."""

import json
import logging
import subprocess
import sys

import pytest

EVIL = "ann\n2026-01-01 [info     ] forged\r\x1b[2J\x07\x85\u2028\u202e\x7f"
SCRIPT = """
import logging, sys, structlog
from shillings.telemetry import logs
logs.configure(log_format=sys.argv[1], log_level="info", process="test")
log = structlog.get_logger("x")
log.info("event", value=sys.argv[2])
try:
    raise ValueError(sys.argv[2])
except ValueError:
    log.exception("crashed")
    logging.getLogger("library").exception("a library says %s", sys.argv[2])
logging.getLogger("library").warning("a library says %s", sys.argv[2])
"""


def said(log_format: str) -> str:
    """What a process logs about a text that tries to be more."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, log_format, EVIL], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stderr


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_control_characters_are_escaped(log_format: str) -> None:
    """No control character but the line ends of the log's own reaches it, in either form."""
    written = said(log_format)

    assert [c for c in written if not c.isprintable() and c != "\n"] == []
    assert not any(line.startswith("2026-01-01") for line in written.splitlines())
    assert "\\x1b" in written or "\\u001b" in written


def test_json_is_one_event_a_line() -> None:
    """In JSON each event is one line, whatever is in it."""
    events = [json.loads(line) for line in said("json").splitlines()]

    assert [event["level"] for event in events] == ["info", "error", "error", "warning"]
    assert events[0]["value"] == EVIL
    assert logging.getLogger().handlers is not None
