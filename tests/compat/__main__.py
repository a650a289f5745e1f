"""`make compat`: run the scenarios with the original and compare with what is recorded, or record it again."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.compat import programs
from tools import original


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compat", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="which ones; all when none is named")
    parser.add_argument("--record", action="store_true", help="keep what the original prints as what is expected")
    options = parser.parse_args()
    chosen = options.scenario or [*programs.SCENARIOS, *programs.SERVED]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, original.server(Path(folder) / "server") as (address, _):
        for number, scenario in enumerate(chosen):
            variables = original.variables(Path(folder) / str(number), PREFECT_API_URL=address)
            try:
                run = programs.run(original.python(), scenario, variables, Path(folder))
            except programs.ScenarioError as error:
                print(f"{error}\n", flush=True)
                wrong += 1
                continue
            if options.record:
                programs.record(scenario, run.facts)
                print(f"{scenario}: recorded {len(run.facts)} facts", flush=True)
                continue
            different = list(programs.compare(programs.expected(scenario), run))
            print(f"{scenario}: {len(run.facts)} facts, {len(different)} differ", *different, sep="\n  ", flush=True)
            wrong += bool(different)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
