"""Settlement files and bank statements: what a file is, how it is read, and its way in."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from billing.settlement import bank, sources
from billing.settlement.land import Landed, Progress, land_settlement, repeated_landing
from billing.settlement.land_bank import land_bank
from billing.settlement.mapping import SettlementMapping, open_mapped, read_bank, read_settlement
from billing.settlement.rows import Reading, Setting
from billing.settlement.saved import PLAIN, find_mapping
from billing.settlement.terms import terms_of
from data.errors import BadInput
from data.models import Clinic
from records.imports import DAY_FIRST
from records.reading import content_of
from security.actor import Actor
from security.rules import look

PURPOSES = {"settlement": "settlements", "bank": "bank statements"}


class WrongPurpose(BadInput):
    """The mapping '{name}' reads {what}. Use it where those are imported."""


def import_settlement(
    source: Path | bytes,
    *,
    by: Actor,
    name: str = "",
    make: str = "",
    processor: str = "",
    mapping: SettlementMapping | None = None,
    dry_run: bool = False,
    key: str | None = None,
    progress: Progress | None = None,
) -> Landed:
    """Import a processor's settlement, or only check it (``dry_run``). ``make`` is stripe, authorize_net, elavon, mx
    or ``mapping:NAME``; left out, the content tells.

    Raises ImportRefused with every problem, SourceUnclear, the refusals of reading and of ``land_settlement``.
    """
    if (repeated := _sent_before(key, by)) is not None:
        return repeated
    reading = read_settlement_file(source, by=by, name=name, make=make, processor=processor, mapping=mapping)
    wanted = processor or _target_of(mapping, reading)
    return land_settlement(reading, by=by, processor=wanted, dry_run=dry_run, key=key, progress=progress)


def read_settlement_file(
    source: Path | bytes,
    *,
    by: Actor,
    name: str = "",
    make: str = "",
    processor: str = "",
    mapping: SettlementMapping | None = None,
) -> Reading:
    """What a settlement file says, before any of it is kept. Raises SourceUnclear and the refusals of reading."""
    name = name or (source.name if isinstance(source, Path) else "file")
    content = content_of(source, name)
    mapping = _mapping_of("settlement", mapping, make, by)
    kind = "" if mapping is not None else sources.recognise(content, name, make)
    with look(by, "reconciliation.use") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
        wanted = processor or (mapping.processor if mapping else "")
        terms = terms_of(session, clinic, kind, wanted, otherwise=kind or "mapping")
    setting = setting_of(clinic, terms.zone)
    if mapping is not None:
        table = open_mapped(content, name, mapping)
        reading = read_settlement(table, mapping, setting, source=make or f"mapping:{mapping.label or 'new'}")
    else:
        reading = sources.SOURCES[kind].read(content, name, setting)
    reading.sha256 = hashlib.sha256(content).hexdigest()
    return reading


def import_bank(
    source: Path | bytes,
    *,
    by: Actor,
    name: str = "",
    make: str = "auto",
    account: str = "",
    mapping: SettlementMapping | None = None,
    dry_run: bool = False,
    key: str | None = None,
    progress: Progress | None = None,
) -> Landed:
    """Import a bank statement, or only check it (``dry_run``). ``make`` is ofx, mt940, bai2, camt, csv or auto.

    Raises ImportRefused with every problem, StatementUnclear, the refusals of reading and of ``land_bank``.
    """
    if (repeated := _sent_before(key, by)) is not None:
        return repeated
    reading = read_bank_file(source, by=by, name=name, make=make, mapping=mapping)
    wanted = account or _target_of(mapping, reading)
    return land_bank(reading, by=by, account=wanted, dry_run=dry_run, key=key, progress=progress)


def read_bank_file(
    source: Path | bytes, *, by: Actor, name: str = "", make: str = "auto", mapping: SettlementMapping | None = None
) -> Reading:
    """What a bank statement says, before any of it is kept. Raises StatementUnclear and the refusals of reading."""
    name = name or (source.name if isinstance(source, Path) else "file")
    content = content_of(source, name)
    mapping = _mapping_of("bank", mapping, make, by)
    with look(by, "reconciliation.use") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
    setting = setting_of(clinic, ZoneInfo(clinic.zone))
    if mapping is not None:
        reading = read_bank(open_mapped(content, name, mapping), mapping, setting)
    else:
        reading = bank.FORMATS[bank.recognise(content, make)].read(content, name, setting)
    reading.sha256 = hashlib.sha256(content).hexdigest()
    return reading


def _sent_before(key: str | None, by: Actor) -> Landed | None:
    if not key:
        return None
    with look(by, "reconciliation.use") as session:
        return repeated_landing(session, by, key)


def _mapping_of(purpose: str, mapping: SettlementMapping | None, make: str, by: Actor) -> SettlementMapping | None:
    """The mapping given, or the saved one that ``make`` names; it must be made for this purpose."""
    if mapping is None and make.startswith("mapping:") and make != f"mapping:{PLAIN}":
        mapping = find_mapping(make, by=by)
    if mapping is not None and mapping.of != purpose:
        raise WrongPurpose(name=mapping.label or make, what=PURPOSES[mapping.of])
    return mapping


def _target_of(mapping: SettlementMapping | None, reading: Reading) -> str:
    """The processor or account that the mapping names, given or saved."""
    return (mapping.processor if mapping else "") or str(reading.mapping.get("processor", ""))


def setting_of(clinic: Clinic, zone: ZoneInfo) -> Setting:
    """What readers must know of a clinic."""
    order = "dmy" if clinic.locale.startswith(DAY_FIRST) else "mdy"
    return Setting(zone, clinic.currency, get_currency_precision(clinic.currency), order)
