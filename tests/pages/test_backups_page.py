"""Administrators see how the backups stand, make one, and check it."""

from security import backups
from tests.screen import opened


def test_a_backup_is_made_and_checked_on_the_page(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/backups.py")
    assert any("No backup has been made yet" in error.value for error in at.error)
    at.button(key="make").click().run()
    assert not at.exception
    kept = backups.kept_files(by=sqlite_clinic.operator)
    assert len(kept) == 1
    at.button(key=f"check-{kept[0].path.name}").click().run()
    assert not at.error or all("No backup" not in error.value for error in at.error)
    assert [run.kind for run in backups.list_backups(by=sqlite_clinic.operator)] == ["drill", "full"]
