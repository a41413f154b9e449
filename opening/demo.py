"""The demo clinic: three years of history ending today, a day in progress, the weeks ahead booked.

Deterministic by seed for a given day. Written in bulk with one audit row per table and its count.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select

import billing.settings
from appointments.settings import LOCATION, LocationDocument
from billing import client_billing
from billing.client_billing import ClientBilling
from data import definitions, models
from data.engine import database
from data.models import Base, Clinic, Drug, Fund, Location, Service
from data.session import ClinicSession, everywhere, write
from data.types import clock
from opening import demo_campaigns, demo_money, demo_paper, demo_reports, demo_snapshot
from opening.demo_history import SEASON, Draws, Maker, Row, Setting
from opening.demo_loader import Loader
from opening.start import furnish
from records.search import search_text
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, add_user, create_clinic
from security.profile import PROFILE, ClinicProfile
from security.words import WORDS

SLUG = "demo"
SIGN_INS = {
    "owner": "Olivia Hart", "administrator": "Aaron Wells", "manager": "Maya Ortiz", "clinician": "Dr. Claire Novak",
    "staff": "Sam Rivera",
}  # fmt: skip
VETS = (
    ("novak", "Dr. Claire Novak", 0.92),
    ("okafor", "Dr. Daniel Okafor", 1.0),
    ("lindqvist", "Dr. Eva Lindqvist", 1.12),
)
TECHNICIANS = ("Jo Barnes", "Lee Tran", "Nina Castro", "Pat Dunn")


def find_demo() -> Clinic | None:
    """The demo clinic of this home, if there is one."""
    with everywhere() as session:
        return session.scalars(select(Clinic).where(Clinic.is_demo).order_by(Clinic.created_at)).first()


def demo_password(role: str) -> str:
    """The password of a demo sign-in: made from the home's key, so that a reused demo prints the same."""
    digest = hmac.new(database().home.key("token"), f"demo {role}".encode(), hashlib.sha256).digest()
    return "-".join(WORDS[int.from_bytes(digest[i : i + 4], "big") % len(WORDS)] for i in (0, 4, 8, 12))


def make_demo(*, years: int = 3, seed: int = 7) -> Clinic:
    """Make the demo clinic; returns its row. Takes about 15 s for three years."""
    new = NewClinic(SLUG, "Harbor Spay & Neuter Clinic", zone="America/New_York", is_demo=True)
    with _many_objects(), Loader() as loader:
        clinic_id = create_clinic(new)
        furnish(clinic_id, new)
        by = Actor(clinic_id, "demo", name="demo")
        for role, name in SIGN_INS.items():
            add_user(role, role, demo_password(role), name=name, by=by)
        with database().filling():
            _fill(clinic_id, by, ZoneInfo(new.zone), years, seed, loader)
    found = find_demo()
    assert found is not None
    return found


@contextlib.contextmanager
def _many_objects() -> Iterator[None]:
    """Half a million short-lived rows: the collector would walk them again and again."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _fill(clinic_id: str, by: Actor, zone: ZoneInfo, years: int, seed: int, loader: Loader) -> None:
    rng = Draws(seed)
    with write(clinic_id) as session:
        setting = _set_up(session, zone, rng)
        demo_reports.keep(session, str(zone))
        demo_money.set_up(session)
        demo_snapshot.keep(session)
        session.flush()
        audit.append(session, by, "demo.settings", "clinic", clinic_id, {"seed": seed})
    loader.begin(clinic_id)
    maker = Maker(setting, rng)
    _live(maker, years, loader)
    _finish_clients(maker)
    demo_money.settle(maker)
    of_paper, others = demo_paper.apart(maker)
    _load(clinic_id, of_paper)
    with demo_paper.outage(clinic_id, maker):
        loader.load(others)
        loader.finish()
    demo_money.reconcile(clinic_id, maker)
    demo_campaigns.keep(clinic_id, by, str(zone), seed)
    loaded = loader.counts + Counter({name: len(rows) for name, rows in of_paper.items()})
    with write(clinic_id) as session:
        for name, count in loaded.items():
            audit.append(session, by, "demo.loaded", name, "", {"rows": count})


def _load(clinic_id: str, tables: dict[str, list[Row]]) -> None:
    for name, rows in tables.items():
        model = next(m.class_ for m in Base.registry.mappers if m.class_.__tablename__ == name)
        with write(clinic_id) as session:
            session.bulk(model, rows)


def _set_up(session: ClinicSession, zone: ZoneInfo, rng: Random) -> Setting:
    today = clock.today(str(zone))
    week = {str(day): ["07:30", "17:00"] for day in (*range(5), *([today.weekday()] if today.weekday() > 4 else []))}
    main = LocationDocument(name="Main", zone=str(zone), opening=week, address="12 Harbor Rd, Millbrook, NY 12545")
    definitions.save(session, LOCATION, "main", main, by_user_id=None)
    profile = ClinicProfile(
        legal_name="Harbor Spay & Neuter Clinic, Inc.", address="12 Harbor Rd\nMillbrook, NY 12545",
        phone="(845) 555-0140", email="front.desk@harbor.example.org", support_contact="Aaron Wells, (845) 555-0142",
        community_link="https://community.example.org/spay-neuter", security_officer="Olivia Hart",
        outage_lead="Maya Ortiz, or the veterinarian on duty", outage_paper="red box under the front desk",
        outage_phones=["Card processor: (800) 555-0119", "Internet: (800) 555-0164", "Power: (800) 555-0137"],
    )  # fmt: skip
    definitions.save(session, PROFILE, "clinic", profile, by_user_id=None)
    for slug, name, kind, discount, deduction in (
        ("community-grant", "Community Spay Grant", "grant", 6_000, 7_500),
        ("feral-fix", "Feral Fix Voucher", "voucher", 5_000, 5_000),
    ):
        fund = billing.settings.FundDocument(name=name, kind=kind, discount_cents=discount, deduction_cents=deduction)
        definitions.save(session, billing.settings.FUND, slug, fund, by_user_id=None)
    service = ClientBilling(enabled=True, providers=["clinician"], words="Questions about an invoice? Call us.")
    definitions.save(session, client_billing.SERVICE, client_billing.ONLY, service, by_user_id=None)
    for role in SIGN_INS:
        session.scalars(
            select(models.User).where(models.User.username == role)
        ).one().email = f"{role}@harbor.example.org"
    vets, speed, staff = [], {}, []
    for username, name, factor in VETS:
        user = session.scalars(select(models.User).where(models.User.name == name)).one_or_none()
        if user is None:
            user = models.User(username=f"{username}@{SLUG}", name=name, role="clinician")
            session.add(user)
        user.initials = name.split()[1][0] + name.split()[2][0]
        user.licence, user.dea_number = f"NY-{rng.randrange(10_000, 99_999)}", "FX0000000"
        user.working_days, user.email, user.colour = [0, 1, 2, 3, 4], f"{username}@harbor.example.org", "#4f5fb8"
        session.flush()
        vets.append(user.id)
        speed[user.id] = factor
    for name in TECHNICIANS:
        user = models.User(
            username=f"{name.split()[0].lower()}@{SLUG}", name=name, role="staff",
            initials="".join(part[0] for part in name.split()), working_days=[0, 1, 2, 3, 4],
            email=f"{name.split()[0].lower()}@harbor.example.org",
        )  # fmt: skip
        session.add(user)
        session.flush()
        staff.append(user.id)
    tax = definitions.load(session, billing.settings.TAX, "sales")
    session.flush()
    services = {
        row.code: {"id": row.id, "name": row.name, "price_cents": row.price_cents, "prices": row.prices,
                   "tax_code": row.tax_code, "procedure": row.procedure, "reminder_days": row.reminder_days}
        for row in session.scalars(select(Service))
    }  # fmt: skip
    return Setting(
        zone=zone, today=today, now=clock.now(), location_id=session.scalars(select(Location.id)).one(), staff=staff,
        vets=vets, vet_speed=speed, services=services,
        drugs={row.code: row.id for row in session.scalars(select(Drug))},
        funds={row.code: {"id": row.id, "discount_cents": row.discount_cents, "deduction_cents": row.deduction_cents}
               for row in session.scalars(select(Fund))},
        tax_millionths=tax.rate_millionths,
    )  # fmt: skip


def _live(maker: Maker, years: int, loader: Loader) -> None:
    setting, rng = maker.s, maker.rng
    first = date(setting.today.year - years, setting.today.month, min(setting.today.day, 28))
    for fund in setting.funds.values():
        for year in range(years + 1):
            at = maker.at(date(first.year + year, 1, 15), time(10))
            if at < setting.now:
                maker.out.add(
                    "fund_entry", maker.event(at, fund_id=fund["id"], kind="received", amount_cents=2_500_000)
                )
    _past(maker, first, loader)
    _today(maker)
    for drug in maker.open_bottles:
        for _ in range(2):
            maker.bottle(drug, setting.now, opened=False)
    coming = maker.clinic_days(setting.today + timedelta(days=1), setting.today + timedelta(days=35))
    for ahead, day in enumerate(coming, start=1):
        for slot in range(max(3, round(28 - ahead * 1.05 + rng.gauss(0, 2)))):
            maker.book(day, slot)
    _reminders(maker)


def _past(maker: Maker, first: date, loader: Loader) -> None:
    """The days that are over; the morning of the last was on paper."""
    setting, rng = maker.s, maker.rng
    days = list(maker.clinic_days(first, setting.today - timedelta(days=1)))
    for number, day in enumerate(days, start=1):
        if day == days[-1] or number % DAYS_AT_ONCE == 0:
            loader.load(maker.out.settled())
        if day == days[-1]:
            maker.day_on_paper(day, demo_paper.VISITS)
            break
        growth = (day - first).days / 365 * 0.05
        visits = round(rng.gauss(30.5 * SEASON[day.month - 1] * (0.93 + growth), 3))
        no_shows = {0: 1.35, 4: 1.15}.get(day.weekday(), 0.85)
        maker.counts(day, "AM", maker.at(day, time(7, 10)))
        for slot in range(max(12, min(visits, 34))):
            maker.past_visit(day, slot, no_shows)
        maker.counts(day, "PM", maker.at(day, time(16, 45)))


DAYS_AT_ONCE = 40
"""So many days go to the loader together."""
TODAY = (
    ("checked_out", 3), ("ready", 3), ("recovering", 4), ("in_surgery", 2), ("induced", 1), ("premedicated", 3),
    ("examined", 4), ("checked_in", 4), ("", 4),
)  # fmt: skip
"""How many stand where in the day in progress; the last have not come yet."""


def _today(maker: Maker) -> None:
    setting = maker.s
    midnight = datetime.combine(setting.today, time(0, 5), setting.zone).astimezone(UTC)
    opened = max(midnight, min(maker.at(setting.today, time(7, 30)), setting.now - timedelta(hours=4)))
    if setting.now - opened > timedelta(hours=6):
        opened = setting.now - timedelta(hours=4)
    before = opened - timedelta(minutes=4)
    maker.counts(setting.today, "AM", before if before > midnight else opened)
    slot = 0
    for stage, count in TODAY:
        for _ in range(count):
            client, patient, row = maker.book(setting.today, slot, surgical=bool(stage))
            slot += 1
            if stage:
                maker.attend_today(client, patient, row, stage, opened)
    for _ in range(2):
        _, _, row = maker.book(setting.today, slot)
        row["walk_in"] = False
        maker.move(row, row["stage"], "no_show" if _ else "cancelled", max(row["stage_at"], opened))


def _reminders(maker: Maker) -> None:
    services = {
        row["id"]: (code, row["reminder_days"]) for code, row in maker.s.services.items() if row["reminder_days"]
    }
    open_ones: dict[tuple[str, str], dict[str, object]] = {}
    for line in maker.out.rows["invoice_line"]:
        found = services.get(line["service_id"])
        if not found:
            continue
        before = open_ones.pop((line["patient_id"], found[0]), None)
        if before:
            before["done_at"] = line["event_at"]
        if line["day"] > maker.s.today - timedelta(days=420):
            open_ones[line["patient_id"], found[0]] = maker.out.add("reminder", {
                "id": maker.id(line["event_at"]), "patient_id": line["patient_id"], "service_code": found[0],
                "due_on": line["day"] + timedelta(days=found[1]), "done_at": None, "entered_at": line["event_at"],
            })  # fmt: skip


def _finish_clients(maker: Maker) -> None:
    for number, client in enumerate(sorted(maker.clients, key=lambda one: one["entered_at"]), start=1001):
        client["number"] = number
        client["email"] = client["email"] and f"{client['email']}{number}@example.org"
    for client in maker.clients:
        pets = maker.by_client[client["id"]]
        client["search"] = search_text(client, pets)


def sign_ins() -> list[dict[str, str | None]]:
    """How to sign in to the demo, a line for each role."""
    return [{"role": role, "username": role, "password": demo_password(role), "totp_secret": None} for role in SIGN_INS]
