"""Administrators see how the backups stand, make one, and check it."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from security import backups

ROOT = Path(__file__).parent.parent.parent


def opened(clinic, username):
    at = AppTest.from_file(ROOT / "pages" / "navigation.py", default_timeout=60)
    at.user = {"session": clinic.token(username)}
    at.run()
    at.switch_page("settings/backups.py")
    return at.run()


def test_a_backup_is_made_and_checked_on_the_page(sqlite_clinic):
    at = opened(sqlite_clinic, "adam")
    assert any("No backup has been made yet" in error.value for error in at.error)
    at.button(key="make").click().run()
    assert not at.exception
    kept = backups.kept_files(by=sqlite_clinic.operator)
    assert len(kept) == 1
    at.button(key=f"check-{kept[0].path.name}").click().run()
    assert not at.error or all("No backup" not in error.value for error in at.error)
    assert [run.kind for run in backups.list_backups(by=sqlite_clinic.operator)] == ["drill", "full"]
