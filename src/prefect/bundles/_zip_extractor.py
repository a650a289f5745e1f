"""Extracting the files of a bundle into the directory that its flow runs in."""

from __future__ import annotations

import zipfile
from pathlib import Path

from prefect.logging.loggers import get_logger

logger = get_logger("bundles")


class ZipExtractor:
    """Extracts the files of a bundle.

    Args:
        zip_path: The zip.
    """

    def __init__(self, zip_path: Path | str) -> None:
        self.zip_path = Path(zip_path)

    def extract(self, target_dir: Path | None = None) -> list[Path]:
        """Extract all files into a directory, the working directory if None; return where they are.

        Raises:
            FileNotFoundError: There is no zip.
            ValueError: A member leads out of the directory, or is a file where a directory is, or the reverse. Then
                nothing is extracted.
        """
        if not self.zip_path.is_file():
            raise FileNotFoundError(f"The zip of the bundle's files is missing: {self.zip_path}")
        target = (target_dir or Path.cwd()).resolve()
        with zipfile.ZipFile(self.zip_path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            for name in names:
                self._check(name, target)
            extracted: list[Path] = []
            for name in names:
                if (target / name).exists():
                    logger.warning("The file %s is overwritten by that of the bundle.", target / name)
                path = Path(archive.extract(name, target))
                if mode := archive.getinfo(name).external_attr >> 16 & 0o777:
                    path.chmod(mode)
                extracted.append(path)
        return extracted

    @staticmethod
    def _check(name: str, target: Path) -> None:
        path = (target / name).resolve()
        if not path.is_relative_to(target):
            raise ValueError(f"The bundle's file {name!r} leads out of the working directory.")
        if path.is_dir():
            raise ValueError(f"The bundle's file {name!r} is a directory in {target}.")
        for parent in path.parents:
            if parent == target:
                return
            if parent.is_file():
                raise ValueError(f"The bundle's file {name!r} is below a file in {target}.")

    def cleanup(self) -> None:
        """Delete the zip."""
        self.zip_path.unlink(missing_ok=True)
