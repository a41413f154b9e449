"""The app on loopback, paying through the processor played here."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from data.engine import use
from data.home import Home
from tests.conftest import Served, TestClinic, start_app
from tests.fake_processor.server import Fake, running

Prepared = TypeVar("Prepared")


@contextlib.contextmanager
def paying_app(
    root: Path, template: tuple[Path, Path, str, dict[str, str]], prepare: Callable[[TestClinic, Fake], Prepared]
) -> Iterator[tuple[Served, Fake, Prepared]]:
    """A running app on a copy of the furnished clinic that was prepared first; with what ``prepare`` gave."""
    shutil.copytree(template[0], root / "home")
    shutil.copy(template[1], root / "root.key")
    with running() as fake, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALLAST_PROCESSORS_AT", fake.url)
        served = Served("", template[2], template[3], Home(root / "home"), root / "root.key", None, root / "log")  # type: ignore[arg-type]
        with served.clinic() as clinic:
            prepared = prepare(clinic, fake)
        use(None)
        served.url, process = start_app(root / "home", root / "root.key", root / "log")
        try:
            yield served, fake, prepared
        finally:
            process.terminate()
            process.wait(10)
