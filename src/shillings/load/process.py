"""The measuring process's hold on the load generator's process."""

import subprocess
import sys
from types import TracebackType
from typing import Self

import msgspec

from shillings.load.jobs import Failure, Job, Result, Success


class LoadFailed(Exception):
    """A load could not be generated; the message says why."""


class LoadGenerator:
    """A process that generates loads, one after the other; a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "shillings.load.generator"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Success | Failure] = msgspec.msgpack.Decoder(Success | Failure)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def run(self, job: Job) -> Result:
        """Have a load generated, and return what became of it.

        Raises:
            LoadFailed: it could not be.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        payload = self._encoder.encode(job)
        self._process.stdin.write(len(payload).to_bytes(8, "big") + payload)
        self._process.stdin.flush()
        size = self._process.stdout.read(8)
        if len(size) < 8:
            raise LoadFailed(f"the load generator ended with {self._process.wait()}; its last words are above")
        answer = self._decoder.decode(self._process.stdout.read(int.from_bytes(size, "big")))
        if isinstance(answer, Failure):
            raise LoadFailed(answer.reason)
        return answer.result

    def close(self) -> None:
        """End the process. It has no more jobs, so it ends by itself, unless it is in the middle of one."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
