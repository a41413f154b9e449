"""Reports that people built: definitions with versions, in folders, one's own or shared with everybody who runs
reports. The reports the product ships with are read-only; a copy of one is like any other."""

from __future__ import annotations

from dataclasses import dataclass

from data import definitions
from data.errors import BadInput
from data.session import ClinicSession
from reports import shelf
from reports import spec as library
from reports.changes import in_words
from reports.fields import model_of
from reports.shelf import NO_FOLDER, Kept, NotYourReport, Removed
from reports.spec import ReportSpec
from reports.told import definition
from security.actor import Actor
from security.rules import act, authorize, look


class SavedReport(Kept):
    """A question with its place."""

    spec: ReportSpec

    @property
    def called(self) -> str:
        """Its title."""
        return self.spec.title


REPORT = definitions.register("report", "Report", SavedReport, has_own_rules=True)
Version = shelf.Version[SavedReport]


@dataclass(frozen=True)
class Card:
    """One report in the library; ``saved`` is None for those the product ships with."""

    name: str
    spec: ReportSpec
    saved: SavedReport | None = None
    owner: str = ""
    """The name of the person who built it."""
    number: int = 0
    """The version that stands."""
    about: str = ""
    """What it answers, in a sentence or two."""
    mine: bool = False

    @property
    def folder(self) -> str:
        """Where it stands in the library."""
        return (self.saved.folder or NO_FOLDER) if self.saved else self.spec.group


def cards(*, by: Actor) -> list[Card]:
    """The reports this person may run: the built-in ones in their order, then the saved ones by folder and title.

    Raises NotPermitted.
    """
    with look(by, "reports.view") as session:
        may = authorize(session, by, None)
        order = {group: place for place, group in enumerate(library.GROUPS)}
        found = [
            Card(name, spec, about=spec.purpose)
            for name, spec in library.built_in().items()
            if not spec.permission or spec.permission in may
        ]  # fmt: skip
        found.sort(key=lambda card: (order.get(card.spec.group, 99), card.spec.title))
        own = [
            _card(session, name, saved, by)
            for name, saved in definitions.load_all(session, REPORT).items()
            if saved.shown_to(by) and _open(session, saved.spec, may)
        ]
    return found + sorted(own, key=lambda card: (card.folder == NO_FOLDER, card.folder.lower(), _title(card)))


def card(name: str, *, by: Actor) -> Card:
    """One report by name; raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        return find(session, name, by)


def find(session: ClinicSession, name: str, by: Actor) -> Card:
    """The same inside a transaction."""
    if name in library.built_in():
        spec = library.built_in()[name]
        return Card(name, spec, about=spec.purpose)
    saved = shelf.find(session, REPORT, name, by)
    return _card(session, name, saved, by, definitions.number_of(session, REPORT, name))


def save_report(
    spec: ReportSpec, *, name: str | None = None, folder: str = "", shared: bool = True, version: int | None = None,
    comment: str = "", by: Actor, key: str | None = None,
) -> str:  # fmt: skip
    """Keep a report, as a new version where ``name`` is one's own or a shared one, as a new report without a name.

    ``version`` is the one the person was looking at. Returns the name. Raises NotPermitted, NotFound, NotYourReport,
    OnlyTheirs, EditedMeanwhile, UnknownWord, CannotAddUp.
    """
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return str(work.result)
        model_of(work.session).entity(spec.entity)
        _refuse_built_in(name)
        kept = SavedReport(spec=spec, folder=folder, shared=shared)
        name, number = shelf.keep(
            work, REPORT, kept, name, version=version, comment=comment, reserved=library.built_in()
        )
        work.audit("report.saved", "report", name, version=number, over=spec.entity, shared=shared)
        work.result = name
    return name


def copy_report(
    name: str, title: str, *, folder: str = "", shared: bool = False, by: Actor, key: str | None = None
) -> str:
    """Save a copy of a report, one the product ships with or somebody's, as one's own; returns the copy's name.

    Raises NotPermitted, NotFound, BadDefinition.
    """
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return str(work.result)
        spec = find(work.session, name, by).spec
        was = spec.title
        kept = _retitled(spec, title.strip() or f"Copy of {was}"[:80], folder, shared)
        made, number = shelf.keep(work, REPORT, kept, None, comment=f"a copy of {was}", reserved=library.built_in())
        work.audit("report.saved", "report", made, version=number, over=spec.entity, shared=shared, copy_of=name)
        work.result = made
    return made


def place_report(
    name: str, *, title: str, folder: str, shared: bool, version: int, by: Actor, key: str | None = None
) -> None:
    """Give a report another title, folder or circle of readers.

    Raises NotPermitted, NotFound, NotYourReport, OnlyTheirs, EditedMeanwhile, BadDefinition.
    """
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        _refuse_built_in(name)
        standing = shelf.find(work.session, REPORT, name, by)
        kept = _retitled(standing.spec, title, folder, shared)
        _, number = shelf.keep(work, REPORT, kept, name, version=version)
        work.audit("report.saved", "report", name, version=number, shared=shared)


def remove_report(name: str, *, by: Actor, key: str | None = None) -> None:
    """Take a saved report out of the library; its versions stay. Raises NotPermitted, NotFound, NotYourReport."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        _refuse_built_in(name)
        shelf.find(work.session, REPORT, name, by)
        definitions.remove(work.session, REPORT, name)
        work.audit("report.removed", "report", name)


def removed_reports(*, by: Actor) -> list[Removed]:
    """The reports that were taken out, the latest first. Raises NotPermitted."""
    with look(by, "reports.build") as session:
        return shelf.removed(session, REPORT, by)


def restore_report(name: str, *, by: Actor, key: str | None = None) -> None:
    """Put a report that was taken out back into the library. Raises NotPermitted, NotFound."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        number = shelf.restore(work.session, REPORT, name, by)
        work.audit("report.saved", "report", name, version=number, restored=True)


def folders(*, by: Actor) -> list[str]:
    """The folders there are, in the order of the alphabet. Raises NotPermitted."""
    with look(by, "reports.view") as session:
        kept = definitions.load_all(session, REPORT).values()
        return sorted({saved.folder for saved in kept if saved.folder and saved.shown_to(by)}, key=str.lower)


def versions(name: str, *, by: Actor) -> list[Version]:
    """Every version, newest first. Raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        shelf.find(session, REPORT, name, by)
        return shelf.versions(session, REPORT, name)


def version_words(name: str, *, by: Actor) -> dict[int, list[str]]:
    """What each version changed, as sentences by its number. Raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        shelf.find(session, REPORT, name, by)
        model = model_of(session)
        found = {one.number: one.saved for one in shelf.versions(session, REPORT, name)}
        return {
            number: in_words(found[number - 1], saved, model) if number - 1 in found else []
            for number, saved in found.items()
        }


def roll_back(name: str, number: int, *, version: int | None = None, by: Actor, key: str | None = None) -> None:
    """Make an old version the newest; it stays with those who see the report now. ``version`` is the one the person
    was looking at.

    Raises NotPermitted, NotFound, NotYourReport, EditedMeanwhile.
    """
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        _refuse_built_in(name)
        standing = shelf.find(work.session, REPORT, name, by)
        made = shelf.roll_back(work, REPORT, name, standing, number, version)
        work.audit("report.saved", "report", name, version=made, back_to=number)


def _retitled(spec: ReportSpec, title: str, folder: str, shared: bool) -> SavedReport:
    body = {"spec": spec.model_dump() | {"title": title}, "folder": folder, "shared": shared}
    return REPORT.parse(body, title or "The report")


def _refuse_built_in(name: str | None) -> None:
    if name is not None and name in library.built_in():
        raise NotYourReport(title=library.built_in()[name].title, owner="Ballast itself")


def _card(session: ClinicSession, name: str, saved: SavedReport, by: Actor, number: int = 0) -> Card:
    return Card(
        name, saved.spec, saved, shelf.name_of(session, saved.owner), number, _about(session, saved.spec),
        bool(by.user_id) and saved.owner == by.user_id,
    )  # fmt: skip


def _about(session: ClinicSession, spec: ReportSpec) -> str:
    if spec.purpose:
        return spec.purpose
    try:
        return definition(spec, model_of(session))
    except BadInput as problem:
        return problem.message


def _title(card: Card) -> str:
    return card.spec.title.lower()


def _open(session: ClinicSession, spec: ReportSpec, may: frozenset[str]) -> bool:
    known = model_of(session).entities.get(spec.entity)
    needed = {spec.permission, known.permission if known else ""} - {""}
    return needed <= may
