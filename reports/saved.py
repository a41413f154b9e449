"""Reports that people built: definitions with versions, in folders, one's own or shared with everybody who runs
reports. The reports the product ships with are read-only; a copy of one is like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data import definitions
from data.definitions import Kind
from data.errors import BadInput, NotPermitted
from data.session import ClinicSession
from reports import shelf
from reports import spec as library
from reports.changes import in_words
from reports.compile import names_somebody
from reports.fields import model_of
from reports.queries import QUERY, SavedQuery, Written
from reports.shelf import NO_FOLDER, Kept, NotYourReport, Removed
from reports.spec import ReportSpec
from reports.told import definition
from security.actor import Actor
from security.permissions import PERMISSIONS
from security.rules import act, authorize, look


class SavedReport(Kept):
    """A question with its place."""

    spec: ReportSpec

    @property
    def called(self) -> str:
        """Its title."""
        return self.spec.title

    def moved(self, title: str, folder: str, *, shared: bool) -> dict[str, Any]:
        """Its body under another title, in another place."""
        spec = self.spec.model_dump() | {"title": title}
        return self.model_dump() | {"spec": spec, "folder": folder, "shared": shared}


REPORT = definitions.register("report", "Report", SavedReport, has_own_rules=True)
Version = shelf.Version[Any]
CHANGES = {REPORT.name: "reports.build", QUERY.name: "reports.sql"}
"""What a person needs to change each kind."""


@dataclass(frozen=True)
class Card:
    """One report in the library; ``saved`` is None for those the product ships with."""

    name: str
    spec: ReportSpec
    saved: SavedReport | SavedQuery | None = None
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

    @property
    def in_sql(self) -> bool:
        """Whether it was written in SQL."""
        return isinstance(self.spec, Written)


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
            for name, saved in _kept(session).items()
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
    kind = _kind(session, name)
    saved = shelf.find(session, kind, name, by)
    _check_named(session, [saved.spec], by)
    return _card(session, name, saved, by, definitions.number_of(session, kind, name))


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
        taken = _reserved(work.session, REPORT)
        name, number = shelf.keep(work, REPORT, kept, name, version=version, comment=comment, reserved=taken)
        work.audit("report.saved", "report", name, version=number, over=spec.entity, shared=shared)
        work.result = name
    return name


def save_query(
    query: SavedQuery, *, name: str | None = None, version: int | None = None, comment: str = "", by: Actor,
    key: str | None = None,
) -> str:  # fmt: skip
    """The same for a question in SQL. Raises NotPermitted, NotFound, OnlyTheirs, EditedMeanwhile, BadDefinition."""
    with act(by, "reports.sql", key=key) as work:
        if work.repeated:
            return str(work.result)
        _refuse_built_in(name)
        checked = QUERY.parse(query.model_dump(), query.title)
        taken = _reserved(work.session, QUERY)
        name, number = shelf.keep(work, QUERY, checked, name, version=version, comment=comment, reserved=taken)
        work.audit("report.saved", "report", name, version=number, over="sql", shared=query.shared)
        work.result = name
    return name


def copy_report(
    name: str, title: str, *, folder: str = "", shared: bool = False, by: Actor, key: str | None = None
) -> str:
    """Save a copy of a report, one the product ships with or somebody's, as one's own; returns the copy's name.

    Raises NotPermitted, NotFound, BadDefinition.
    """
    with act(by, "reports.sql" if _in_sql(name, by) else "reports.build", key=key) as work:
        if work.repeated:
            return str(work.result)
        kind, spec = _kind(work.session, name), find(work.session, name, by).spec
        standing = SavedReport(spec=spec) if kind is REPORT else shelf.find(work.session, kind, name, by)
        kept = _moved(kind, standing, title.strip() or f"Copy of {spec.title}"[:80], folder, shared=shared)
        taken = _reserved(work.session, kind)
        made, number = shelf.keep(work, kind, kept, None, comment=f"a copy of {spec.title}", reserved=taken)
        work.audit("report.saved", "report", made, version=number, over=_over(spec), shared=shared, copy_of=name)
        work.result = made
    return made


def place_report(
    name: str, *, title: str, folder: str, shared: bool, version: int, by: Actor, key: str | None = None
) -> None:
    """Give a report another title, folder or circle of readers.

    Raises NotPermitted, NotFound, NotYourReport, OnlyTheirs, EditedMeanwhile, BadDefinition.
    """
    with act(by, "reports.sql" if _in_sql(name, by) else "reports.build", key=key) as work:
        if work.repeated:
            return
        _refuse_built_in(name)
        kind = _kind(work.session, name)
        kept = _moved(kind, shelf.find(work.session, kind, name, by), title, folder, shared=shared)
        _, number = shelf.keep(work, kind, kept, name, version=version)
        work.audit("report.saved", "report", name, version=number, shared=shared)


def remove_report(name: str, *, by: Actor, key: str | None = None) -> None:
    """Take a saved report out of the library; its versions stay. Raises NotPermitted, NotFound, NotYourReport."""
    with act(by, "reports.sql" if _in_sql(name, by) else "reports.build", key=key) as work:
        if work.repeated:
            return
        _refuse_built_in(name)
        kind = _kind(work.session, name)
        shelf.find(work.session, kind, name, by)
        definitions.remove(work.session, kind, name)
        work.audit("report.removed", "report", name)


def removed_reports(*, by: Actor) -> list[Removed]:
    """The reports that were taken out and this person may put back, the latest first. Raises NotPermitted."""
    with look(by, "reports.view") as session:
        may = authorize(session, by, None)
        kinds: list[Kind[Any]] = [kind for kind in (REPORT, QUERY) if CHANGES[kind.name] in may]
        found = [one for kind in kinds for one in shelf.removed(session, kind, by)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def restore_report(name: str, *, by: Actor, key: str | None = None) -> None:
    """Put a report that was taken out back into the library. Raises NotPermitted, NotFound."""
    with act(by, "reports.sql" if _in_sql(name, by) else "reports.build", key=key) as work:
        if work.repeated:
            return
        number = shelf.restore(work.session, _kind(work.session, name, removed=True), name, by)
        work.audit("report.saved", "report", name, version=number, restored=True)


def folders(*, by: Actor) -> list[str]:
    """The folders there are, in the order of the alphabet. Raises NotPermitted."""
    with look(by, "reports.view") as session:
        kept = _kept(session).values()
        return sorted({saved.folder for saved in kept if saved.folder and saved.shown_to(by)}, key=str.lower)


def versions(name: str, *, by: Actor) -> list[Version]:
    """Every version, newest first. Raises NotFound, NotPermitted where one names somebody the reader may not see."""
    with look(by, "reports.view") as session:
        return _versions(session, name, by)


def version_words(name: str, *, by: Actor) -> dict[int, list[str]]:
    """What each version changed, as sentences by its number. Raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        model = model_of(session)
        found = {one.number: one.saved for one in _versions(session, name, by)}
        return {
            number: in_words(found[number - 1], saved, model) if number - 1 in found else []
            for number, saved in found.items()
        }


def _versions(session: ClinicSession, name: str, by: Actor) -> list[Version]:
    kind = _kind(session, name)
    shelf.find(session, kind, name, by)
    found: list[Version] = shelf.versions(session, kind, name)
    _check_named(session, [one.saved.spec for one in found], by)
    return found


def roll_back(name: str, number: int, *, version: int | None = None, by: Actor, key: str | None = None) -> None:
    """Make an old version the newest; it stays with those who see the report now. ``version`` is the one the person
    was looking at.

    Raises NotPermitted, NotFound, NotYourReport, EditedMeanwhile.
    """
    with act(by, "reports.sql" if _in_sql(name, by) else "reports.build", key=key) as work:
        if work.repeated:
            return
        _refuse_built_in(name)
        kind = _kind(work.session, name)
        standing = shelf.find(work.session, kind, name, by)
        made = shelf.roll_back(work, kind, name, standing, number, version)
        work.audit("report.saved", "report", name, version=made, back_to=number)


def _moved(kind: Kind[Any], one: SavedReport | SavedQuery, title: str, folder: str, *, shared: bool) -> Any:
    return kind.parse(one.moved(title, folder, shared=shared), title or "The report")


def _kept(session: ClinicSession) -> dict[str, SavedReport | SavedQuery]:
    """What people saved, by name; a name is never of two."""
    queries, reports = definitions.load_all(session, QUERY), definitions.load_all(session, REPORT)
    return {**queries, **reports}


def _kind(session: ClinicSession, name: str, *, removed: bool = False) -> Kind[Any]:
    """Whether a name is of a question in SQL or of a report; of a report where it is of none."""
    if removed:
        return QUERY if name in definitions.all_slugs(session, QUERY) else REPORT
    return QUERY if isinstance(_kept(session).get(name), SavedQuery) else REPORT


def _in_sql(name: str, by: Actor) -> bool:
    """Whether what has this name is a question in SQL, which only those who may ask in SQL change."""
    with look(by, None) as session:
        return _kind(session, name, removed=name not in _kept(session)) is QUERY


def _reserved(session: ClinicSession, kind: Kind[Any]) -> set[str]:
    """Names that are not free for this kind, because they open something else."""
    return {*library.built_in(), *definitions.all_slugs(session, REPORT if kind is QUERY else QUERY)}


def stands(session: ClinicSession, name: str, spec: ReportSpec, by: Actor) -> bool:
    """Whether the name opens just this report, for this person."""
    if name in library.built_in():
        return library.built_in()[name] == spec
    kept = _kept(session).get(name)
    return kept is not None and kept.shown_to(by) and kept.spec == spec


def _over(spec: ReportSpec) -> str:
    return "sql" if isinstance(spec, Written) else spec.entity


def _refuse_built_in(name: str | None) -> None:
    if name is not None and name in library.built_in():
        raise NotYourReport(title=library.built_in()[name].title, owner="Ballast itself")


def _card(session: ClinicSession, name: str, saved: SavedReport | SavedQuery, by: Actor, number: int = 0) -> Card:
    return Card(
        name, saved.spec, saved, shelf.name_of(session, saved.owner), number, _about(session, saved.spec),
        bool(by.user_id) and saved.owner == by.user_id,
    )  # fmt: skip


def _about(session: ClinicSession, spec: ReportSpec) -> str:
    if spec.purpose or isinstance(spec, Written):
        return spec.purpose or "A question in SQL."
    try:
        return definition(spec, model_of(session))
    except BadInput as problem:
        return problem.message


def _title(card: Card) -> str:
    return card.spec.title.lower()


def _check_named(session: ClinicSession, specs: list[ReportSpec], by: Actor) -> None:
    """A question that names a client or patient is read by those alone who may see them. Raises NotPermitted."""
    if "clients.view" in authorize(session, by, None):
        return
    model = model_of(session)
    if any(names_somebody(spec, model) for spec in specs):
        raise NotPermitted(action=PERMISSIONS["clients.view"].action)


def _open(session: ClinicSession, spec: ReportSpec, may: frozenset[str]) -> bool:
    known = model_of(session).entities.get(spec.entity)
    if "clients.view" not in may and names_somebody(spec, model_of(session)):
        return False
    needed = {spec.permission, known.permission if known else ""} - {""}
    return needed <= may
