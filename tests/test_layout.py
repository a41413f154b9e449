"""The layout of docs/architecture.md, checked."""

import importlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ["data", "security", "messages", "records", "appointments", "forms", "billing", "reports", "campaigns",
            "outage", "watcher", "web", "pages", "commands", "opening", "cli", "streamlit_app"]  # fmt: skip


def test_nothing_but_navigation_lies_directly_in_pages():
    assert {path.name for path in (ROOT / "pages").glob("*.py")} == {"__init__.py", "navigation.py"}


def test_every_package_resolves_inside_the_checkout():
    for name in PACKAGES:
        if name == "streamlit_app":
            continue
        assert Path(importlib.import_module(name).__file__).is_relative_to(ROOT), name


def test_every_page_of_the_table_exists_and_has_one_segment():
    text = (ROOT / "pages" / "navigation.py").read_text()
    for line in text.splitlines():
        if line.strip().startswith("Page(") and '.py"' in line:
            script = line.split('"')[1]
            assert (ROOT / "pages" / script).is_file(), script


def test_no_folder_of_pages_hides_a_package():
    from importlib.machinery import PathFinder

    from streamlit.runtime.scriptrunner.exec_code import modified_sys_path

    importlib.import_module("streamlit_app")
    with modified_sys_path(str(ROOT / "pages" / "navigation.py")):
        for folder in (ROOT / "pages").iterdir():
            if (ROOT / folder.name / "__init__.py").is_file():
                found = PathFinder.find_spec(folder.name)
                assert Path(found.origin).parent == ROOT / folder.name
