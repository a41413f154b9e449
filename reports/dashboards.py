"""Dashboards: several reports on one page, each a tile of a grid four wide, with one period and filters over them all.

How a tile is answered is in tiles.py; here is what is kept, and who may change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from data import definitions
from data.definitions import Document
from data.errors import BadInput
from data.session import ClinicSession
from reports import saved, shelf
from reports.periods import label_of
from reports.shelf import NO_FOLDER, Kept, Removed
from security.actor import Actor
from security.rules import act, look

COLUMNS = 4
MOST_TILES = 24
Show = Literal["chart", "table", "number"]


class Tile(Document):
    """One report on a dashboard. ``number`` is the column told big; the width is in quarters of the page, the height
    in rows; a ``preset`` is a period of its own, whatever the dashboard's."""

    id: str = Field(pattern=r"^[a-z0-9]{1,12}$")
    report: str = Field(min_length=1, max_length=80)
    title: str = Field(default="", max_length=80)
    show: Show = "chart"
    number: str = ""
    width: int = Field(default=2, ge=1, le=COLUMNS)
    height: int = Field(default=2, ge=1, le=4)
    preset: str = ""
    params: dict[str, str | int | float | bool | list[str] | None] = Field(default_factory=dict)


class Narrowing(Document):
    """A filter over all tiles: the field it tests, as a path from the rows of a report (``patient.species``)."""

    field: str = Field(min_length=1, max_length=120)
    label: str = Field(min_length=1, max_length=80)


class Dashboard(Kept):
    """Tiles in their order. ``preset`` is the period at first; without one each report keeps its own."""

    title: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=200)
    preset: str = ""
    filters: list[Narrowing] = Field(default_factory=list, max_length=6)
    tiles: list[Tile] = Field(default_factory=list, max_length=MOST_TILES)

    @model_validator(mode="after")
    def _sound(self) -> Dashboard:
        ids = [tile.id for tile in self.tiles]
        if len(set(ids)) < len(ids):
            raise ValueError("two tiles have the same id")
        for preset in (self.preset, *(tile.preset for tile in self.tiles)):
            if preset:
                label_of(preset)
        return self

    @property
    def called(self) -> str:
        """Its title."""
        return self.title

    def free_id(self) -> str:
        """An id for one more tile."""
        taken = {tile.id for tile in self.tiles}
        return next(f"t{count}" for count in range(1, MOST_TILES * 2 + 2) if f"t{count}" not in taken)


DASHBOARD = definitions.register("dashboard", "Dashboard", Dashboard, has_own_rules=True)
Version = shelf.Version[Dashboard]


class FullDashboard(BadInput):
    """{title} has {most} tiles already, as many as one page can hold. Remove one, or begin another dashboard."""


@dataclass(frozen=True)
class Board:
    """One dashboard with its place."""

    name: str
    dashboard: Dashboard
    owner: str = ""
    number: int = 0
    mine: bool = False

    @property
    def folder(self) -> str:
        """Where it stands in the library."""
        return self.dashboard.folder or NO_FOLDER


def boards(*, by: Actor) -> list[Board]:
    """The dashboards this person sees, by folder and title. Raises NotPermitted."""
    with look(by, "reports.view") as session:
        found = [
            _board(session, name, one, by)
            for name, one in definitions.load_all(session, DASHBOARD).items()
            if one.shown_to(by)
        ]  # fmt: skip
    return sorted(found, key=lambda one: (one.folder == NO_FOLDER, one.folder.lower(), one.dashboard.title.lower()))


def board(name: str, *, by: Actor) -> Board:
    """One dashboard by name; raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        one = shelf.find(session, DASHBOARD, name, by)
        return _board(session, name, one, by, definitions.number_of(session, DASHBOARD, name))


def save_dashboard(
    dashboard: Dashboard, *, name: str | None = None, version: int | None = None, comment: str = "", by: Actor,
    key: str | None = None,
) -> str:  # fmt: skip
    """Keep a dashboard, as a new version of one's own or a shared one, or as a new one. Returns its name.

    ``version`` is the one the person was looking at. Raises NotPermitted, NotFound, OnlyTheirs, EditedMeanwhile,
    BadDefinition.
    """
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return str(work.result)
        checked = DASHBOARD.parse(dashboard.model_dump(), dashboard.title or "The dashboard")
        name, number = shelf.keep(work, DASHBOARD, checked, name, version=version, comment=comment)
        work.audit("dashboard.saved", "dashboard", name, version=number, tiles=len(checked.tiles),
                   shared=checked.shared)  # fmt: skip
        work.result = name
    return name


def copy_dashboard(name: str, title: str, *, by: Actor, key: str | None = None) -> str:
    """Save a copy of a dashboard as one's own; returns the copy's name. Raises NotPermitted, NotFound."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return str(work.result)
        one = shelf.find(work.session, DASHBOARD, name, by)
        changes = {"title": title.strip() or f"Copy of {one.title}"[:80], "shared": False}
        copy = DASHBOARD.parse(one.model_dump() | changes, title)
        made, number = shelf.keep(work, DASHBOARD, copy, None, comment=f"a copy of {one.title}")
        work.audit("dashboard.saved", "dashboard", made, version=number, tiles=len(copy.tiles), copy_of=name)
        work.result = made
    return made


def pin(report: str, tile: Tile, *, name: str | None = None, title: str = "", by: Actor, key: str | None = None) -> str:
    """Put a report on a dashboard as its last tile, or on a new one called ``title``. Returns the dashboard's name.

    Raises NotPermitted, NotFound, FullDashboard, BadDefinition.
    """
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return str(work.result)
        asked = saved.find(work.session, report, by)
        one = Dashboard(title=title.strip() or asked.spec.title, shared=False)
        if name is not None:
            one = shelf.find(work.session, DASHBOARD, name, by)
        if len(one.tiles) >= MOST_TILES:
            raise FullDashboard(title=one.title, most=MOST_TILES)
        placed = tile.model_copy(update={"id": one.free_id(), "report": report})
        body = one.model_dump() | {"tiles": [*(old.model_dump() for old in one.tiles), placed.model_dump()]}
        made, number = shelf.keep(
            work, DASHBOARD, DASHBOARD.parse(body, one.title), name, comment=f"{asked.spec.title} pinned"
        )
        work.audit("dashboard.saved", "dashboard", made, version=number, pinned=report)
        work.result = made
    return made


def remove_dashboard(name: str, *, by: Actor, key: str | None = None) -> None:
    """Take a dashboard out of the library; its reports and its versions stay. Raises NotPermitted, NotFound."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        shelf.find(work.session, DASHBOARD, name, by)
        definitions.remove(work.session, DASHBOARD, name)
        work.audit("dashboard.removed", "dashboard", name)


def removed_dashboards(*, by: Actor) -> list[Removed]:
    """The dashboards that were taken out, the latest first. Raises NotPermitted."""
    with look(by, "reports.build") as session:
        return shelf.removed(session, DASHBOARD, by)


def restore_dashboard(name: str, *, by: Actor, key: str | None = None) -> None:
    """Put a dashboard that was taken out back into the library. Raises NotPermitted, NotFound."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        number = shelf.restore(work.session, DASHBOARD, name, by)
        work.audit("dashboard.saved", "dashboard", name, version=number, restored=True)


def dashboard_versions(name: str, *, by: Actor) -> list[Version]:
    """Every version, newest first. Raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        shelf.find(session, DASHBOARD, name, by)
        return shelf.versions(session, DASHBOARD, name)


def roll_back_dashboard(
    name: str, number: int, *, version: int | None = None, by: Actor, key: str | None = None
) -> None:  # fmt: skip
    """Make an old version the newest; folder and readers stay. Raises NotPermitted, NotFound, EditedMeanwhile."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        standing = shelf.find(work.session, DASHBOARD, name, by)
        made = shelf.roll_back(work, DASHBOARD, name, standing, number, version)
        work.audit("dashboard.saved", "dashboard", name, version=made, back_to=number)


def told_changes(before: Dashboard, after: Dashboard) -> list[str]:
    """What one version of a dashboard changed against another, in sentences."""
    old, new = ({(tile.id, tile.report): tile for tile in one.tiles} for one in (before, after))
    told = [f"Title: {after.title} instead of {before.title}"] if before.title != after.title else []
    told += [f"Added: {_tile(tile)}" for id, tile in new.items() if id not in old]
    told += [f"Removed: {_tile(tile)}" for id, tile in old.items() if id not in new]
    told += [f"Changed: {_tile(tile)}" for id, tile in new.items() if id in old and old[id] != tile]
    kept = [id for id in old if id in new]
    if kept != [id for id in new if id in old]:
        told.append("The order of the tiles was changed")
    for what, was, now in (
        ("Period at first", before.preset, after.preset),
        ("Filters", before.filters, after.filters),
        ("Description", before.description, after.description),
        ("Folder", before.folder, after.folder),
        ("Readers", before.shared, after.shared),
    ):
        if was != now:
            told.append(f"{what} changed")
    return told


def _tile(tile: Tile) -> str:
    return tile.title or tile.report.replace("-", " ").capitalize()


def _board(session: ClinicSession, name: str, one: Dashboard, by: Actor, number: int = 0) -> Board:
    mine = bool(by.user_id) and one.owner == by.user_id
    return Board(name, one, shelf.name_of(session, one.owner), number, mine)
