"""Describes the machine and the versions, so that a reader knows what the figures are of."""

import os
import platform
import re
import sqlite3
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from deploy.local.mysql import mysql_version
from deploy.local.programs import MissingProgram, find_program

_SYNC_SECONDS = 0.5


def describe(directory: Path) -> list[tuple[str, str]]:
    """What and its value, in the order to show them.

    Args:
        directory: where the databases keep their files.
    """
    packages = ("uvicorn", "uvloop", "httptools", "msgspec", "protobuf", "SQLAlchemy", "PyMySQL", "redis", "hiredis")
    return [
        ("Processor", f"{_processor()}, {psutil.cpu_count()} logical cores"),
        ("Memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"),
        ("Disk", f"{_file_system(directory)}, {_syncs(directory):,.0f} synced 512-byte writes a second"),
        (
            "System",
            f"{platform.system()} {platform.release()}, {platform.python_implementation()} {platform.python_version()}",
        ),
        ("MariaDB", _program_version("mariadbd", "--no-defaults", "--version")),
        ("MySQL", _mysql_version()),
        ("Redis", _program_version("redis-server", "--version")),
        ("nginx", _program_version("nginx", "-v")),
        ("sysbench", _program_version("sysbench", "--version")),
        ("SQLite", sqlite3.sqlite_version),
        ("Packages", ", ".join(f"{name} {version(name)}" for name in packages)),
        ("Measured", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
    ]


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def _file_system(directory: Path) -> str:
    partitions = psutil.disk_partitions(all=True)
    holders = [one for one in partitions if directory.resolve().is_relative_to(one.mountpoint)]
    return max(holders, key=lambda one: len(one.mountpoint)).fstype if holders else "unknown"


def _syncs(directory: Path) -> float:
    """How many small writes a second the disk makes durable, one after the other."""
    path = directory / "sync.test"
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    began, count = time.perf_counter(), 0
    try:
        while time.perf_counter() - began < _SYNC_SECONDS:
            os.write(file, bytes(512))
            os.fdatasync(file)
            count += 1
    finally:
        os.close(file)
        path.unlink()
    return count / (time.perf_counter() - began)


def _mysql_version() -> str:
    try:
        return mysql_version()
    except MissingProgram:
        return "none"


def _program_version(name: str, *arguments: str) -> str:
    done = subprocess.run([find_program(name), *arguments], capture_output=True, text=True, check=True)
    found = re.search(r"\d+\.\d+\.\d+[^\s,)]*", done.stdout + done.stderr)
    return found[0] if found else "unknown"
