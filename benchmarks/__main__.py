"""`make bench`, `make bench-scale`, and a smoke test of both.

python -m benchmarks              rates, latencies, promises, overload, webhooks; eight to nine minutes
python -m benchmarks --quick      the same, with less certainty, in about two minutes
python -m benchmarks scale        how cost grows with users, history, processes and time
python -m benchmarks smoke        every part once, as short as it can be; measures nothing
"""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from benchmarks.document import write_part
from benchmarks.movements_report import movement_promises
from benchmarks.plot import draw
from benchmarks.production import Stage, UnexpectedAnswers
from benchmarks.progress import Bar
from benchmarks.rates import Plan, Rates, RatesRun, planned_seconds
from benchmarks.report import rates_part
from benchmarks.scale import SCALE_BUFFER_POOL_MB, ScalePlan, ScaleRun, planned_scale_seconds
from benchmarks.scale_report import scale_part
from benchmarks.sysbench import SysbenchFailed
from benchmarks.targets import promises
from deploy.local.programs import MissingProgram
from deploy.local.server import ServerFailed
from shillings.audit.auditor import LedgerWrong
from shillings.load.process import LoadFailed

_HERE = Path(__file__).parent
_START_SECONDS = 20.0
_QUICK = {"rounds": 3, "seconds": 1.0, "overload_seconds": 10.0}

Results = Annotated[Path, Parameter(help="Where RESULTS.md and results.svg are written.")]
app = App(name="python -m benchmarks", help="Measure Shillings.", version_flags=[])


@app.default
def rates(
    *,
    quick: Annotated[bool, Parameter(help="Two minutes, with less certainty.")] = False,
    rounds: Annotated[int | None, Parameter(help="How often each point is measured.")] = None,
    seconds: Annotated[float | None, Parameter(help="How long each measurement takes.")] = None,
    overload_seconds: Annotated[float | None, Parameter(help="How long the overload lasts.")] = None,
    users: Annotated[int | None, Parameter(help="How many users there are.")] = None,
    web: Annotated[int | None, Parameter(help="How many web processes.")] = None,
    app: Annotated[int | None, Parameter(help="How many application processes.")] = None,
    results: Results = _HERE,
) -> None:
    """Measure rates and latencies, and hold them against what is promised."""
    given = {
        "rounds": rounds,
        "seconds": seconds,
        "overload_seconds": overload_seconds,
        "users": users,
        "web": web,
        "app": app,
    }
    chosen = (_QUICK if quick else {}) | {name: value for name, value in given.items() if value is not None}
    _rates(Plan(**chosen), results)  # type: ignore[arg-type]


@app.command
def scale(
    *,
    quick: Annotated[bool, Parameter(help="A tenth of the users and of the history.")] = False,
    users: Annotated[int | None, Parameter(help="How many users are many.")] = None,
    history: Annotated[int | None, Parameter(help="How many transactions are many.")] = None,
    long_seconds: Annotated[float | None, Parameter(help="How long memory is watched.")] = None,
    rounds: Annotated[int | None, Parameter(help="How often each point is measured.")] = None,
    seconds: Annotated[float | None, Parameter(help="How long each measurement takes.")] = None,
    results: Results = _HERE,
) -> None:
    """Measure how cost grows with users, history, processes and time."""
    small = {"users": 100_000, "history": 500_000, "long_seconds": 20.0, "rounds": 3, "seconds": 1.5}
    given = {
        "users": users,
        "history": history,
        "long_seconds": long_seconds,
        "rounds": rounds,
        "seconds": seconds,
    }
    chosen = (small if quick else {}) | {name: value for name, value in given.items() if value is not None}
    _scale(ScalePlan(**chosen), results)  # type: ignore[arg-type]


@app.command
def smoke(*, results: Results | None = None) -> None:
    """Run every part once, as short as it can be. The figures mean nothing, so they are not kept by default."""
    if results is None:
        with tempfile.TemporaryDirectory(prefix="shillings-") as directory:
            smoke(results=Path(directory))
        return
    _rates(Plan(users=50, rounds=1, seconds=0.2, overload_seconds=1.0, clients_max=16, waiting=200), results)
    _scale(ScalePlan(users=500, history=2_000, few_users=100, long_seconds=1.0, rounds=1, seconds=0.2), results)


def _rates(plan: Plan, results: Path) -> None:
    with Stage(plan.users) as stage, Bar(_START_SECONDS + planned_seconds(plan)) as bar:
        bar.step("starting the servers", _START_SECONDS)
        found = RatesRun(stage, plan).run(bar)
        _write(found, stage.directory, results)
    for promise in [*promises(found.results), *movement_promises(found.movements)]:
        print(promise)
    print(f"Written: {results / 'RESULTS.md'}, {results / 'results.svg'}")


def _write(found: Rates, directory: Path, results: Path) -> None:
    results.mkdir(parents=True, exist_ok=True)
    write_part(results / "RESULTS.md", "rates", rates_part(found, directory))
    (results / "results.svg").write_text(draw(found))


def _scale(plan: ScalePlan, results: Path) -> None:
    with Stage(plan.few_users, SCALE_BUFFER_POOL_MB) as stage, Bar(planned_scale_seconds(plan)) as bar:
        part = scale_part(ScaleRun(stage, plan, bar).run(bar))
    results.mkdir(parents=True, exist_ok=True)
    write_part(results / "RESULTS.md", "scale", part)
    print(part)


def main() -> None:
    """Run the command line; say what went wrong in a sentence, loudly."""
    try:
        app()
    except (LedgerWrong, LoadFailed, MissingProgram, ServerFailed, SysbenchFailed, UnexpectedAnswers) as error:
        notes = " ".join(getattr(error, "__notes__", []))
        print(f"\nbenchmarks: {type(error).__name__}: {error} {notes}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
