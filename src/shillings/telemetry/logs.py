"""Logs: one event a line, JSON for machines or text for people, on standard error.

Nothing secret is logged: no password, no token, no cookie, no body. Events carry ids, codes and times.
"""

import logging
import sys

import structlog


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
    # Never the local variables: they hold passwords and tokens.
    transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    tracebacks = [structlog.processors.ExceptionRenderer(transformer)] if log_format == "json" else []
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
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
