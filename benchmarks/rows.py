"""The rows of the benchmark: what each measures, on whom, and the budget it has to keep."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import floors
from benchmarks.measure import KIB, MEGABYTES, MICROSECONDS, MILLISECONDS, Sample, Series, Unit
from benchmarks.subjects import Subject

FLOOR_IMPORT = "from pydantic import BaseModel"
FLOOR_FLOW = "from pydantic import BaseModel; import asyncio, sqlite3"
IMPORT = "import prefect; from prefect import flow, task"
MAPPED = 10_000


@dataclass(frozen=True)
class Figure:
    """What was measured of one subject: wall time, and CPU where it says something."""

    wall: Series
    cpu: Series | None = None
    server_cpu: Series | None = None


@dataclass(frozen=True)
class Budget:
    """A promise of the design: what it is about, the figure, the limit, and whether it holds."""

    text: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True)
class Row:
    """One line of the table. A figure that was not measured is None."""

    name: str
    unit: Unit
    ours: Figure
    theirs: Figure | None = None
    floor: Series | None = None
    budgets: tuple[Budget, ...] = ()

    @property
    def ratio(self) -> float | None:
        return self.theirs.wall.median / self.ours.wall.median if self.theirs else None

    @property
    def cpu_ratio(self) -> float | None:
        """How much more CPU theirs takes, its server's included."""
        if not (self.theirs and self.theirs.cpu and self.ours.cpu):
            return None
        server = self.theirs.server_cpu.median if self.theirs.server_cpu else 0.0
        return (self.theirs.cpu.median + server) / self.ours.cpu.median


@dataclass(frozen=True)
class Plan:
    """Whom to measure and how often.

    Attributes:
        ours: This package.
        theirs: The original with a running server, or None to measure ours only.
        alone: The original as it starts by itself, or None.
        scratch: A directory to write in.
        rounds: How many samples of ours; the original gets fewer where it is slow.
        tell: Called with what is being measured now.
    """

    ours: Subject
    theirs: Subject | None
    alone: Subject | None
    scratch: Path
    rounds: int
    tell: Callable[[str], None]


def all_rows(plan: Plan, only: str = "") -> Iterator[Row]:
    """Measure everything, row by row; only the functions whose name contains `only`."""
    for measured in MEASURED:
        name = measured.__name__.replace("_", " ")
        if only in name:
            plan.tell(name)
            yield measured(plan)


def imports(plan: Plan) -> Row:
    ours, floor, theirs = _alternate(
        plan.rounds,
        lambda: plan.ours.code(IMPORT),
        lambda: plan.ours.code(FLOOR_IMPORT),
        plan.theirs and (lambda them=plan.theirs: them.code(IMPORT)),
        theirs_every=2,
    )
    budget = Budget(f"at most 1 x `{FLOOR_IMPORT}`", _median(ours) / _median(floor), 1)
    return Row(
        "import, flow and task used",
        MILLISECONDS,
        _whole(ours),
        _whole(theirs) if theirs else None,
        _wall(floor),
        (budget,),
    )


def first_flow(plan: Plan) -> Row:
    """Both from process start to exit with a home nobody has used."""
    ours, floor, theirs = _alternate(
        plan.rounds,
        lambda: plan.ours.program("first_flow", home=plan.ours.fresh()),
        lambda: plan.ours.code(FLOOR_FLOW),
        plan.alone and (lambda them=plan.alone: them.program("first_flow", home=them.fresh())),
        theirs_every=plan.rounds,
    )
    budgets = [Budget(f'at most 2 x `python -c "{FLOOR_FLOW}"`', _median(ours) / _median(floor), 2)]
    if theirs:
        budgets.append(Budget("at least 50 x faster than the original", _median(theirs) / _median(ours), 50, True))
    return Row(
        "first flow of three tasks, fresh home",
        MILLISECONDS,
        _whole(ours),
        _whole(theirs) if theirs else None,
        _wall(floor),
        tuple(budgets),
    )


def warmed_flow(plan: Plan) -> Row:
    """The same with a home that has been used before, on both sides."""
    homes = {subject.name: subject.fresh() for subject in (plan.ours, plan.alone) if subject}
    for subject in (plan.ours, plan.alone):
        if subject:
            subject.program("first_flow", home=homes[subject.name])
    ours, _, theirs = _alternate(
        plan.rounds,
        lambda: plan.ours.program("first_flow", home=homes["ours"]),
        None,
        plan.alone and (lambda them=plan.alone: them.program("first_flow", home=homes[them.name])),
        theirs_every=max(1, plan.rounds // 2),
    )
    return Row("first flow of three tasks, used home", MILLISECONDS, _whole(ours), _whole(theirs) if theirs else None)


def sequential(plan: Plan) -> Row:
    row = _per_task(plan, "task, one after the other", "sequential", 5_000, 100, floors.bare_call())
    return _with(row, *_less_cpu(row, 100), _cpu_budget(row, 60))


def submitted(plan: Plan) -> Row:
    return _per_task(plan, "task, .submit and .result", "submitted", 5_000, 100, None)


def mapped(plan: Plan) -> Row:
    row = _per_task(plan, f".map over {MAPPED:,}, a task", "mapped", MAPPED, 500, floors.batched_row(plan.scratch))
    return _with(row, *_less_cpu(row, 100), _cpu_budget(row, 90))


def subflows(plan: Plan) -> Row:
    row = _per_task(plan, "subflow call", "subflows", 1_000, 10, None)
    return _with(row, Budget("at most 0.5 ms", row.ours.wall.median * 1e3, 0.5))


def empty_flow(plan: Plan) -> Row:
    row = _per_task(plan, "empty flow", "empty_flow", 1_000, 5, None)
    return _with(row, Budget("at most 0.5 ms", row.ours.wall.median * 1e3, 0.5))


def memory(plan: Plan) -> Row:
    """KiB a task, from the difference of the peaks of two sizes."""
    sizes = (10_000, 100_000)
    values: list[float] = []
    for _ in range(max(1, plan.rounds // 3)):
        small, large = (plan.ours.program("memory", size, home=plan.ours.fresh()).facts["peak_kib"] for size in sizes)
        values.append((large - small) / (sizes[1] - sizes[0]))
    figure = Figure(Series(tuple(values)))
    budget = Budget("grows by less than 2 KB a task", figure.wall.median * 1.024, 2)
    return Row("peak memory a task, 100,000 mapped", KIB, figure, None, None, (budget,))


def installed(plan: Plan) -> Row:
    """Megabytes on disk with all that is required, and how many packages that is."""
    ours = plan.ours.program("installed", "pluperfect").facts
    theirs = plan.theirs.program("installed", "prefect").facts if plan.theirs else None
    budgets = (
        Budget("at most 50 packages", ours["packages"], 50),
        Budget("at most 90 MB", ours["megabytes"], 90),
    )
    name = f"installed: {ours['packages']} packages" + (f" (theirs {theirs['packages']})" if theirs else "")
    their_size = Figure(Series((theirs["megabytes"],))) if theirs else None
    return Row(name, MEGABYTES, Figure(Series((ours["megabytes"],))), their_size, None, budgets)


def cli_help(plan: Plan) -> Row:
    return _command(plan, "--help")


def cli_version(plan: Plan) -> Row:
    return _command(plan, "version")


MEASURED: tuple[Callable[[Plan], Row], ...] = (
    imports,
    first_flow,
    warmed_flow,
    sequential,
    submitted,
    mapped,
    subflows,
    empty_flow,
    memory,
    cli_help,
    cli_version,
    installed,
)


def _command(plan: Plan, *arguments: str) -> Row:
    ours, _, theirs = _alternate(
        plan.rounds,
        lambda: plan.ours.cli(*arguments),
        None,
        plan.theirs and (lambda them=plan.theirs: them.cli(*arguments)),
        theirs_every=3,
    )
    budgets = [Budget("at most 0.05 x the original", _median(ours) / _median(theirs), 0.05)] if theirs else []
    name = f"prefect {' '.join(arguments)}"
    return Row(name, MILLISECONDS, _whole(ours), _whole(theirs) if theirs else None, None, tuple(budgets))


def _per_task(plan: Plan, name: str, program: str, many: int, few: int, floor: Series | None) -> Row:
    """Time a task of a program that prints the time of its loop; each sample has a home of its own."""
    ours, _, theirs = _alternate(
        plan.rounds,
        lambda: plan.ours.program(program, many, home=plan.ours.fresh()),
        None,
        plan.theirs and (lambda them=plan.theirs: them.program(program, few)),
        theirs_every=max(1, plan.rounds // 3),
    )
    return Row(name, MICROSECONDS, _each(ours, many), _each(theirs, few) if theirs else None, floor)


def _alternate(
    rounds: int,
    ours: Callable[[], Sample],
    floor: Callable[[], Sample] | None,
    theirs: Callable[[], Sample] | None,
    theirs_every: int = 1,
) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """Take the samples in turns, so that what else the machine does hits all alike."""
    found: tuple[list[Sample], list[Sample], list[Sample]] = ([], [], [])
    for number in range(rounds):
        found[0].append(ours())
        if floor:
            found[1].append(floor())
        if theirs and number % theirs_every == 0:
            found[2].append(theirs())
    return found


def _whole(samples: list[Sample]) -> Figure:
    """The figure of whole processes."""
    return Figure(_wall(samples), Series(tuple(sample.cpu for sample in samples)))


def _each(samples: list[Sample], count: int) -> Figure:
    """The figure of one of `count` things that a program timed."""
    walls = tuple(sample.facts["wall"] / count for sample in samples)
    cpus = tuple((sample.cpu - sample.facts["cpu_before"]) / count for sample in samples)
    served = tuple(sample.facts["server_cpu"] / count for sample in samples if "server_cpu" in sample.facts)
    return Figure(Series(walls), Series(cpus), Series(served) if served else None)


def _wall(samples: list[Sample]) -> Series:
    return Series(tuple(sample.wall for sample in samples))


def _median(samples: list[Sample]) -> float:
    return _wall(samples).median


def _less_cpu(row: Row, times: float) -> tuple[Budget, ...]:
    if row.cpu_ratio is None:
        return ()
    return (Budget(f"at least {times:.0f} x less CPU than the original", row.cpu_ratio, times, at_least=True),)


def _cpu_budget(row: Row, microseconds: float) -> Budget:
    cpu = row.ours.cpu.median * 1e6 if row.ours.cpu else 0.0
    return Budget(f"at most {microseconds:g} µs of CPU", cpu, microseconds)


def _with(row: Row, *budgets: Budget) -> Row:
    return Row(row.name, row.unit, row.ours, row.theirs, row.floor, (*row.budgets, *budgets))
