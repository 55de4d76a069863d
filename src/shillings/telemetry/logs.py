"""Logs: one event a line, JSON for machines or text for people, on standard error.

Nothing secret is logged: no password, no token, no cookie, no body. Events carry ids, codes and times. Whatever
somebody sent cannot forge a line nor steer a terminal: control characters are escaped in both forms.
"""

import logging
import re
import sys

import structlog

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    r"""A text without control characters; further lines are indented, so that none looks like a line of the log.

    >>> print(escaped("a\x1b[2J\nb"))
    a\x1b[2J
        b
    """
    lines = [_CONTROLS.sub(lambda match: ascii(match[0])[1:-1], line) for line in text.split("\n")]
    return "\n    ".join(lines)


def configure(*, log_format: str, log_level: str, process: str) -> None:
    """Set logging up for this process.

    Args:
        log_format: "json" or "text".
        log_level: "debug", "info", "warning" or "error".
        process: the process's name, in every line.
    """
    renderer: structlog.typing.Processor
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )

    def add_process(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
    ]

    def escape(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {name: escaped(value) if isinstance(value, str) else value for name, value in event.items()}

    # Never the local variables: they hold passwords and tokens.
    transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    tracebacks: list[structlog.typing.Processor]
    if log_format == "json":
        tracebacks = [structlog.processors.ExceptionRenderer(transformer)]
    else:
        tracebacks = [structlog.processors.format_exc_info, escape]
    structlog.configure(
        processors=[*shared, *tracebacks, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries log goes the same way.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tracebacks, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
