"""Rows of the benchmark: their measurements and budgets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
    """Figure of one subject: wall time, and CPU if it is meaningful."""

    wall: Series
    cpu: Series | None = None
    server_cpu: Series | None = None


@dataclass(frozen=True)
class Budget:
    """A budget of the design: description, figure, limit and verdict."""

    text: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True)
class Row:
    """A row of the table. A figure that was not measured is None."""

    name: str
    unit: Unit
    pluperfect: Figure
    baseline: Figure | None = None
    floor: Series | None = None
    budgets: tuple[Budget, ...] = ()

    @property
    def ratio(self) -> float | None:
        return self.baseline.wall.median / self.pluperfect.wall.median if self.baseline else None

    @property
    def cpu_ratio(self) -> float | None:
        """Ratio of the baseline's CPU, including its server, to this package's."""
        if not (self.baseline and self.baseline.cpu and self.pluperfect.cpu):
            return None
        server = self.baseline.server_cpu.median if self.baseline.server_cpu else 0.0
        return (self.baseline.cpu.median + server) / self.pluperfect.cpu.median


@dataclass(frozen=True)
class Plan:
    """Subjects to measure and number of rounds.

    Attributes:
        pluperfect: This package.
        baseline: The original with a running server, or None to measure this package only.
        alone: The original as it starts by itself, or None.
        scratch: A directory to write in.
        rounds: How many samples of pluperfect; the original gets fewer where it is slow.
        report_progress: Called with the name of the current measurement.
    """

    pluperfect: Subject
    baseline: Subject | None
    alone: Subject | None
    scratch: Path
    rounds: int
    report_progress: Callable[[str], None]
    against_version: bool = False
    """Whether the baseline is another version of this package: its samples are of the same number and size."""


def all_rows(plan: Plan, only: str = "") -> Iterator[Row]:
    """Measure all rows, or those of functions whose name contains `only`."""
    for name, measured in find(only):
        plan.report_progress(name)
        yield measured(plan)


def find(only: str) -> list[tuple[str, Callable[[Plan], Row]]]:
    """Return the functions that measure a row, by their names; those whose name contains `only`."""
    named = [(measured.__name__.replace("_", " "), measured) for measured in MEASURED]
    return [(name, measured) for name, measured in named if only in name]


def imports(plan: Plan) -> Row:
    pluperfect, floor, baseline = _alternate(
        plan,
        lambda: plan.pluperfect.code(IMPORT),
        lambda: plan.pluperfect.code(FLOOR_IMPORT),
        plan.baseline and (lambda subject=plan.baseline: subject.code(IMPORT)),
        baseline_interval=2,
    )
    budget = Budget(f"at most 1 x `{FLOOR_IMPORT}`", _median(pluperfect) / _median(floor), 1)
    return Row(
        "import, flow and task used",
        MILLISECONDS,
        _whole(pluperfect),
        _whole(baseline) if baseline else None,
        _wall(floor),
        (budget,),
    )


def first_flow(plan: Plan) -> Row:
    """Measure from process start to exit with an unused home."""
    pluperfect, floor, baseline = _alternate(
        plan,
        lambda: plan.pluperfect.program("first_flow", home=plan.pluperfect.fresh()),
        lambda: plan.pluperfect.code(FLOOR_FLOW),
        plan.alone and (lambda them=plan.alone: them.program("first_flow", home=them.fresh())),
        baseline_interval=plan.rounds,
    )
    budgets = [Budget(f'at most 2 x `python -c "{FLOOR_FLOW}"`', _median(pluperfect) / _median(floor), 2)]
    if baseline:
        budgets.append(
            Budget("at least 50 x faster than the original", _median(baseline) / _median(pluperfect), 50, True)
        )
    return Row(
        "first flow of three tasks, fresh home",
        MILLISECONDS,
        _whole(pluperfect),
        _whole(baseline) if baseline else None,
        _wall(floor),
        tuple(budgets),
    )


def warmed_flow(plan: Plan) -> Row:
    """Measure from process start to exit with a used home."""
    homes = {subject.name: subject.fresh() for subject in (plan.pluperfect, plan.alone) if subject}
    for subject in (plan.pluperfect, plan.alone):
        if subject:
            subject.program("first_flow", home=homes[subject.name])
    pluperfect, _, baseline = _alternate(
        plan,
        lambda: plan.pluperfect.program("first_flow", home=homes["pluperfect"]),
        None,
        plan.alone and (lambda them=plan.alone: them.program("first_flow", home=homes[them.name])),
        baseline_interval=max(1, plan.rounds // 2),
    )
    return Row(
        "first flow of three tasks, used home", MILLISECONDS, _whole(pluperfect), _whole(baseline) if baseline else None
    )


def sequential(plan: Plan) -> Row:
    row = per_task(plan, "task, one after the other", "sequential", 5_000, 100, floors.bare_call())
    return with_budgets(row, *_less_cpu(row, 100), _cpu_budget(row, 60))


def submitted(plan: Plan) -> Row:
    return per_task(plan, "task, .submit and .result", "submitted", 5_000, 100, None)


def mapped(plan: Plan) -> Row:
    row = per_task(plan, f".map over {MAPPED:,}, a task", "mapped", MAPPED, 500, floors.batched_row(plan.scratch))
    return with_budgets(row, *_less_cpu(row, 100), _cpu_budget(row, 90))


def subflows(plan: Plan) -> Row:
    row = per_task(plan, "subflow call", "subflows", 1_000, 10, None)
    return with_budgets(row, Budget("at most 0.5 ms", row.pluperfect.wall.median * 1e3, 0.5))


def empty_flow(plan: Plan) -> Row:
    row = per_task(plan, "empty flow", "empty_flow", 1_000, 5, None)
    return with_budgets(row, Budget("at most 0.5 ms", row.pluperfect.wall.median * 1e3, 0.5))


def blocks(plan: Plan) -> Row:
    row = per_task(plan, "block, saved and loaded", "blocks", 200, 10, None)
    return with_budgets(row, *faster(row, 5))


def variables(plan: Plan) -> Row:
    row = per_task(plan, "variable, read", "variables", 500, 20, None)
    return with_budgets(row, *faster(row, 5))


def artifacts(plan: Plan) -> Row:
    row = per_task(plan, "artifact, created", "artifacts", 1_000, 20, None)
    return with_budgets(row, *faster(row, 5))


def slots(plan: Plan) -> Row:
    row = per_task(plan, "slot of a limit, taken and released", "slots", 200, 10, None)
    return with_budgets(row, *faster(row, 5), Budget("at most 1 ms", row.pluperfect.wall.median * 1e3, 1))


def contended_slots(plan: Plan) -> Row:
    row = per_task(plan, "slot held for 50 ms, 20 threads over 2 slots", "contended_slots", 20, 20, None)
    return with_budgets(row, *faster(row, 5), Budget("20 in less than a second", row.pluperfect.wall.median * 20, 1))


def delayed(plan: Plan) -> Row:
    """Measure background tasks without a server, which the original has not between processes."""
    row = per_task(replace(plan, baseline=None), "background task, delay to start", "delayed", 50, 0, None)
    return with_budgets(row, Budget("p50 at most 50 ms", row.pluperfect.wall.median * 1e3, 50))


def memory(plan: Plan) -> Row:
    """Measure KiB per task from the difference of the peaks of two sizes."""
    sizes = (10_000, 100_000)
    values: list[float] = []
    for _ in range(max(1, plan.rounds // 3)):
        small, large = (
            plan.pluperfect.program("memory", size, home=plan.pluperfect.fresh()).facts["peak_kib"] for size in sizes
        )
        values.append((large - small) / (sizes[1] - sizes[0]))
    figure = Figure(Series(tuple(values)))
    budget = Budget("grows by less than 2 KB a task", figure.wall.median * 1.024, 2)
    return Row("peak memory a task, 100,000 mapped", KIB, figure, None, None, (budget,))


def installed(plan: Plan) -> Row:
    """Measure the installed size in megabytes and the number of packages, including dependencies."""
    pluperfect = plan.pluperfect.program("installed", "pluperfect").facts
    package = "pluperfect" if plan.against_version else "prefect"
    baseline = plan.baseline.program("installed", package).facts if plan.baseline else None
    budgets = (
        Budget("at most 50 packages", pluperfect["packages"], 50),
        Budget("at most 90 MB", pluperfect["megabytes"], 90),
    )
    name = f"installed: {pluperfect['packages']} packages" + (f" (baseline {baseline['packages']})" if baseline else "")
    baseline_size = Figure(Series((baseline["megabytes"],))) if baseline else None
    return Row(name, MEGABYTES, Figure(Series((pluperfect["megabytes"],))), baseline_size, None, budgets)


def cli_help(plan: Plan) -> Row:
    return _command(plan, "--help")


def cli_version(plan: Plan) -> Row:
    return _command(plan, "version")


DEPLOYMENTS = 50


def deploy_all(plan: Plan) -> Row:
    """Measure `prefect deploy --all` of new deployments of one flow, with a schedule each."""
    pluperfect, _, baseline = _alternate(
        plan,
        lambda: _deploy(plan.pluperfect),
        None,
        plan.baseline and (lambda subject=plan.baseline: _deploy(subject)),
        baseline_interval=3,
    )
    name = f"prefect deploy --all, {DEPLOYMENTS} deployments"
    return Row(name, MILLISECONDS, _whole(pluperfect), _whole(baseline) if baseline else None, None, ())


def _deploy(subject: Subject) -> Sample:
    home = subject.fresh()
    home.parent.mkdir(parents=True)
    (home.parent / "flows.py").write_text("from prefect import flow\n\n@flow\ndef work(x: int = 1): ...\n")
    entries = [
        f"- {{name: d{number}, entrypoint: 'flows.py:work', work_pool: {{name: bench}}, parameters: {{x: {number}}}, "
        f"schedules: [{{cron: '0 8 * * *', timezone: UTC}}]}}\n"
        for number in range(DEPLOYMENTS)
    ]
    (home.parent / "prefect.yaml").write_text("deployments:\n" + "".join(entries))
    prefect = subject.python.parent / "prefect"
    subject.command([prefect, "work-pool", "create", "bench", "--type", "process", "--overwrite"], home)
    return subject.command([prefect, "--no-prompt", "deploy", "--all"], home)


MEASURED: tuple[Callable[[Plan], Row], ...] = (
    imports,
    first_flow,
    warmed_flow,
    sequential,
    submitted,
    mapped,
    subflows,
    empty_flow,
    blocks,
    variables,
    artifacts,
    slots,
    contended_slots,
    delayed,
    memory,
    cli_help,
    cli_version,
    deploy_all,
    installed,
)


def _command(plan: Plan, *arguments: str) -> Row:
    pluperfect, _, baseline = _alternate(
        plan,
        lambda: plan.pluperfect.cli(*arguments),
        None,
        plan.baseline and (lambda subject=plan.baseline: subject.cli(*arguments)),
        baseline_interval=3,
    )
    budgets = [Budget("at most 0.05 x the original", _median(pluperfect) / _median(baseline), 0.05)] if baseline else []
    name = f"prefect {' '.join(arguments)}"
    return Row(name, MILLISECONDS, _whole(pluperfect), _whole(baseline) if baseline else None, None, tuple(budgets))


def per_task(plan: Plan, name: str, program: str, many: int, few: int, floor: Series | None) -> Row:
    """Measure the time per task of a program that prints the time of its loop; each sample uses a new home."""
    few = many if plan.against_version else few
    pluperfect, _, baseline = _alternate(
        plan,
        lambda: plan.pluperfect.program(program, many, home=plan.pluperfect.fresh()),
        None,
        plan.baseline
        and (
            lambda subject=plan.baseline: subject.program(
                program, few, home=subject.fresh() if plan.against_version else None
            )
        ),
        baseline_interval=max(1, plan.rounds // 3),
    )
    return Row(name, MICROSECONDS, _each(pluperfect, many), _each(baseline, few) if baseline else None, floor)


def _alternate(
    plan: Plan,
    pluperfect: Callable[[], Sample],
    floor: Callable[[], Sample] | None,
    baseline: Callable[[], Sample] | None,
    baseline_interval: int = 1,
) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """Take the samples in turns, so that other load on the machine affects all subjects equally."""
    found: tuple[list[Sample], list[Sample], list[Sample]] = ([], [], [])
    for number in range(plan.rounds):
        found[0].append(pluperfect())
        if floor:
            found[1].append(floor())
        if baseline and (plan.against_version or number % baseline_interval == 0):
            found[2].append(baseline())
    return found


def _whole(samples: list[Sample]) -> Figure:
    """Return the figure of whole processes."""
    return Figure(_wall(samples), Series(tuple(sample.cpu for sample in samples)))


def _each(samples: list[Sample], count: int) -> Figure:
    """Return the figure of one of `count` operations that a program timed."""
    walls = tuple(sample.facts["wall"] / count for sample in samples)
    cpus = tuple((sample.cpu - sample.facts["cpu_before"]) / count for sample in samples)
    served = tuple(sample.facts["server_cpu"] / count for sample in samples if "server_cpu" in sample.facts)
    return Figure(Series(walls), Series(cpus), Series(served) if served else None)


def _wall(samples: list[Sample]) -> Series:
    return Series(tuple(sample.wall for sample in samples))


def _median(samples: list[Sample]) -> float:
    return _wall(samples).median


def faster(row: Row, times: float) -> tuple[Budget, ...]:
    if row.ratio is None:
        return ()
    return (Budget(f"at least {times:.0f} x faster than the original", row.ratio, times, at_least=True),)


def _less_cpu(row: Row, times: float) -> tuple[Budget, ...]:
    if row.cpu_ratio is None:
        return ()
    return (Budget(f"at least {times:.0f} x less CPU than the original", row.cpu_ratio, times, at_least=True),)


def _cpu_budget(row: Row, microseconds: float) -> Budget:
    cpu = row.pluperfect.cpu.median * 1e6 if row.pluperfect.cpu else 0.0
    return Budget(f"at most {microseconds:g} µs of CPU", cpu, microseconds)


def with_budgets(row: Row, *budgets: Budget) -> Row:
    return Row(row.name, row.unit, row.pluperfect, row.baseline, row.floor, (*row.budgets, *budgets))
