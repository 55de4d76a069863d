"""The HTTP requests of the command line to a running Shillings."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SECONDS_MAX = 30.0


class RequestFailed(Exception):
    """There is no answer, or it is a refusal; the message says which."""


def ask_audit(url: str, key: str) -> tuple[str, bool]:
    """What the audit says, as text; and whether it is clean. Raises RequestFailed."""
    answer = _get(f"{url.rstrip('/')}/v1/sandbox/audit", key)
    kept, seen = answer["requests_kept"], answer["requests_seen"]
    about = f"{kept} requests" if kept == seen else f"the newest {kept} of {seen} requests"
    if answer["clean"]:
        return f"Clean: the money is right, and the client behaved ({about}).", True
    left_out = answer["findings_left_out"]
    shown = f", of which the worst {len(answer['findings'])} are shown" if left_out else ""
    lines = [f"{len(answer['findings']) + left_out} findings in {about}{shown}:"]
    for finding in answer["findings"]:
        lines += ["", f"{finding['severity']}: {finding['code']} ({finding['confidence']})", f"  {finding['message']}"]
        lines += [f"  {what}: {', '.join(found)}" for what, found in finding["evidence"].items() if found]
        lines.append(f"  Fix it: {finding['hint']}")
    return "\n".join(lines), False


def send_fixtures(url: str, key: str, file: Path) -> str:
    """Make what a file of YAML or JSON says; what came of it. Raises RequestFailed."""
    import yaml

    try:
        wanted = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RequestFailed(f"{file} cannot be read: {error}") from None
    body = json.dumps(wanted, default=str).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(f"{url}/v1/sandbox/fixtures", body, headers)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_MAX) as response:  # noqa: S310
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        code, message = _status(error)
        if code == "email_taken":
            return f"The fixtures of {file} are there already."
        raise RequestFailed(f"{file}: {message}") from None
    except (OSError, ValueError) as error:
        raise RequestFailed(str(error)) from None
    return f"Made {len(answer['users'])} users and {answer['payments']} payments of {file}."


def _get(url: str, key: str) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise RequestFailed("the URL must begin with http:// or https://")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_MAX) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise RequestFailed(f"it answered {error.code}: {_status(error)[1]}") from None
    except (OSError, ValueError) as error:
        raise RequestFailed(str(error)) from None
    return answer


def _status(error: urllib.error.HTTPError) -> tuple[str, str]:
    """What an answer says of itself: its code and message; its HTTP status where something else has answered."""
    try:
        status = json.load(error)["status"]
        return str(status["code"]), str(status["message"])
    except (OSError, ValueError, TypeError, KeyError):
        return "", f"{error.code} {error.reason}"
