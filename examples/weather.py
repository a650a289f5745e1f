"""Eight station years of daily weather, summarised month by month.

A program for `prefect`: reading and validating, a task mapped over the months, a step that fails now and then and is
tried again, a step whose result is cached, a flow within the flow, and an artifact with what was found.

    python examples/weather.py
    prefect flow-run ls
"""

import calendar
import csv
import datetime
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, model_validator

from prefect import flow, get_run_logger, runtime, task, unmapped
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import INPUTS

DATA = Path(__file__).parent / "data" / "weather.csv"


class Day(BaseModel):
    """A row of the file. What is out of range is a mistake of the file's, not weather."""

    location: str
    date: datetime.date
    precipitation: float = Field(ge=0, le=500)
    temp_max: float = Field(ge=-60, le=60)
    temp_min: float = Field(ge=-60, le=60)
    wind: float = Field(ge=0, le=120)
    weather: Literal["drizzle", "fog", "rain", "snow", "sun"]

    @model_validator(mode="after")
    def coldest_first(self) -> "Day":
        if self.temp_min > self.temp_max:
            raise ValueError("the lowest temperature is above the highest")
        return self


class Month(BaseModel):
    """What is told of one month at one place."""

    location: str
    year: int
    month: int
    mean: float
    anomaly: float
    rain: float
    wet_days: int
    warmest: float


@task
def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    get_run_logger().info("%d rows in %s", len(rows), path.name)
    return rows


@task
def validate(rows: list[dict[str, str]]) -> list[Day]:
    return [Day.model_validate(row) for row in rows]


@task(retries=2, retry_delay_seconds=0.2)
def latitude(location: str) -> float:
    """Degrees north. Stands for a request to a busy service: the first attempt of each run is refused."""
    if runtime.task_run.run_count == 1:
        raise ConnectionError("the gazetteer is busy, try again")
    return {"Seattle": 47.6, "New York": 40.7}[location]


@task(cache_policy=INPUTS, persist_result=True, task_run_name="normals-{location}")
def normals(location: str, means: dict[str, list[float]]) -> dict[str, float]:
    """The mean temperature of each calendar month over all years; the same input is not computed twice."""
    get_run_logger().info("computing the normals of %s", location)
    return {month: round(statistics.fmean(values), 2) for month, values in means.items()}


@task(task_run_name="{days[0].location}-{days[0].date:%Y-%m}")
def summarise(days: list[Day], normal: dict[str, dict[str, float]]) -> Month:
    first = days[0]
    mean = statistics.fmean((day.temp_min + day.temp_max) / 2 for day in days)
    return Month(
        location=first.location,
        year=first.date.year,
        month=first.date.month,
        mean=round(mean, 1),
        anomaly=round(mean - normal[first.location][str(first.date.month)], 1),
        rain=round(sum(day.precipitation for day in days), 1),
        wet_days=sum(day.precipitation >= 1 for day in days),
        warmest=max(day.temp_max for day in days),
    )


@flow(flow_run_name="compare-{places[0]}-and-{places[1]}")
def compare(places: list[str], months: list[Month]) -> dict[str, str]:
    """Compare rain and temperature of two places by year."""
    verdicts: dict[str, str] = {}
    for year in sorted({month.year for month in months}):
        months_by_place = {
            place: [each for each in months if each.year == year and each.location == place] for place in places
        }
        wetter = max(places, key=lambda place: sum(each.rain for each in months_by_place[place]))
        warmer = max(places, key=lambda place: statistics.fmean(each.mean for each in months_by_place[place]))
        verdicts[str(year)] = f"{wetter} was wetter, {warmer} was warmer"
    return verdicts


def report(months: list[Month], latitudes: dict[str, float], verdicts: dict[str, str]) -> str:
    """Format the report as Markdown."""
    lines = ["# Weather of eight station years", ""]
    for location, north in latitudes.items():
        lines += [f"## {location} ({north:.1f}° N)", ""]
        lines += ["| year | mean °C | rain mm | wet days | furthest from normal |", "|---|---|---|---|---|"]
        months_by_year: dict[int, list[Month]] = defaultdict(list)
        for month in months:
            if month.location == location:
                months_by_year[month.year].append(month)
        for year, year_months in sorted(months_by_year.items()):
            oddest = max(year_months, key=lambda each: abs(each.anomaly))
            mean = statistics.fmean(each.mean for each in year_months)
            rain, wet = sum(each.rain for each in year_months), sum(each.wet_days for each in year_months)
            name = calendar.month_name[oddest.month]
            lines.append(f"| {year} | {mean:.1f} | {rain:.0f} | {wet} | {name} {oddest.anomaly:+.1f} |")
        lines.append("")
    lines += [f"- {year}: {verdict}" for year, verdict in verdicts.items()]
    return "\n".join(lines)


def print_outcome(flow, flow_run, state) -> None:
    print(f"{flow_run.name}: {state.name.lower()}")


@flow(name="weather", log_prints=True, on_completion=[print_outcome], on_failure=[print_outcome])
def weather(path: Path = DATA) -> dict[str, str]:
    days = validate(read(path))

    by_month: dict[tuple[str, int, int], list[Day]] = defaultdict(list)
    means: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for day in days:
        by_month[day.location, day.date.year, day.date.month].append(day)
        means[day.location][str(day.date.month)].append((day.temp_min + day.temp_max) / 2)
    places = sorted(means)

    latitudes = latitude.map(places)
    normal = {place: normals(place, means[place]) for place in places}
    months = summarise.map(list(by_month.values()), unmapped(normal)).result()
    verdicts = compare(places, months)

    text = report(months, dict(zip(places, latitudes.result(), strict=True)), verdicts)
    create_markdown_artifact(text, key="weather-report", description="Eight station years, by year")
    print(text)
    return verdicts


if __name__ == "__main__":
    weather()
