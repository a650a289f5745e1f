"""README.md and CONTRIBUTING.md: the program prints the documented output, and the commands exist."""

import re
import subprocess
import sys
from pathlib import Path

from tools import original

ROOT = Path(__file__).parent.parent.parent
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_readme_program_prints_documented_output(tmp_path: Path, home: Path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    name, printed = re.findall(r"`python (\w+\.py)` prints (\d+)", text)[0]
    (tmp_path / name).write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, name], cwd=tmp_path, env=original.variables(home), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, printed), done.stderr


def test_named_make_targets_exist():
    named = {
        target
        for page in ("README.md", "CONTRIBUTING.md", ".ci/run")
        for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", (ROOT / page).read_text(encoding="utf-8"))
    }
    assert {"demo", "test", "check", "bench"} <= named <= TARGETS


def test_help_names_every_target():
    text = (ROOT / "Makefile").read_text()
    assert set(re.findall(r'@echo "make ([a-z-]+)', text)) == {
        each for each in TARGETS if not each.startswith("check-")
    } - {
        "help",
        "setup",
    }
