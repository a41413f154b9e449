"""Every built-in report against a clinic added up by hand, on both databases."""

from datetime import date

import pytest

from data import mart
from data.models import (
    Bottle,
    Client,
    Consent,
    Drug,
    DrugLogEntry,
    FormSheet,
    Fund,
    Location,
    PrintRun,
    Reminder,
    Service,
)
from data.session import write
from data.types import clock
from reports.run import run, run_spec
from reports.spec import ReportSpec
from tests.reports import small_clinic

at = small_clinic.at


@pytest.fixture
def small(clinic):
    return small_clinic.Small(clinic)


def ask(small, name, **params):
    params = {key.rstrip("_"): value for key, value in params.items()}
    return run(name, params, by=small.clinic.operator, form="command")


def rows(result, *names):
    return [tuple(row[result.index(name)] for name in names) for row in result.rows]


def total(result, *names):
    return tuple(result.total[result.index(name)] for name in names)


def test_no_show_rate_divides_sums_and_leaves_cancelled_and_open_visits_out(small):
    monday, tuesday = "2024-03-04", "2024-03-05"
    for stage in ("no_show", "checked_out", "checked_out", "declined", "cancelled"):
        small.visit(monday, stage)
    for stage in ("no_show", "no_show", "ready", "booked", "unknown", "died"):
        small.visit(tuesday, stage)
    small.visit("2024-04-01", "no_show")
    result = ask(small, "no-show-rate", from_="2024-03-01", to="2024-03-31")
    names = ("weekday", "no_shows", "attended", "all_rows")
    assert rows(result, *names) == [(1, 1, 3, 5), (2, 2, 2, 6)]
    assert rows(result, "rate_of_arrivals") == [(1 / 4,), (2 / 4,)]
    assert total(result, "no_shows", "attended", "all_rows") == (3, 5, 11)
    assert total(result, "rate_of_arrivals", "rate_of_all") == (3 / 8, 3 / 11)  # not (1/4 + 2/4) / 2


def test_attended_means_what_the_flow_means():
    from appointments.stages import ATTENDED
    from reports.model import built_in

    assert set(built_in().measure("appointment", "attended").where[0].value) == set(ATTENDED)
    assert set(built_in().measure("appointment", "arrivals_expected").where[0].value) == {*ATTENDED, "no_show"}


def test_days_at_both_ends_of_a_period_count_in_the_zone_of_the_clinic(small):
    small.surgery("2024-03-10T04:30", 10)  # 9 March 23:30 in New York, before the clocks change
    small.surgery("2024-03-11T03:30", 10)  # 10 March 23:30, after
    small.surgery("2024-03-11T04:30", 10)  # 11 March 00:30
    assert ask(small, "surgeries", from_="2024-03-10", to="2024-03-10").rows == [("dog", "male", "public", 1)]
    assert ask(small, "surgeries", from_="2024-03-09", to="2024-03-11").rows == [("dog", "male", "public", 3)]


def test_one_dog_and_one_cat_of_each_sex_stay_four_different_patients(small):
    for species in ("dog", "cat"):
        for sex in ("male", "female"):
            client = small.client(owner_type="rescue" if species == "cat" else "public")
            patient = small.patient(client, species, sex)
            small.surgery("2024-05-02T15:00", 12, patient_id=patient, client_id=client)
            small.visit("2024-05-02", "no_show", patient_id=patient, client_id=client)
    result = ask(small, "surgeries")
    assert result.rows == [
        ("cat", "female", "rescue", 1), ("cat", "male", "rescue", 1),
        ("dog", "female", "public", 1), ("dog", "male", "public", 1),
    ]  # fmt: skip
    assert total(result, "surgeries") == (4,)


def test_surgeries_by_vet_take_the_median_of_all_not_of_the_rows(small):
    clara, adam = small.user("clara"), small.user("adam")
    for minutes in (10, 20, 60):
        small.surgery("2024-05-02T15:00", minutes, clara)
    small.surgery("2024-05-02T15:00", 12, adam, complications=["bleeding"])
    small.surgery("2024-05-02T15:00", None, adam)
    result = ask(small, "surgeries-by-vet")
    assert rows(result, "surgeon", "surgeries", "median_minutes", "complicated") == [
        ("Clara Chen", 3, 20.0, 0), ("Adam Abbott", 2, 12.0, 1),
    ]  # fmt: skip
    assert total(result, "surgeries", "median_minutes", "complication_rate") == (5, 16.0, 1 / 5)


def test_revenue_counts_lines_of_invoices_neither_void_nor_draft_on_the_day_of_service(small):
    client = small.client()
    first, second, third = (small.invoice(client, "2024-01-31") for _ in range(3))
    spay = small.line(first, "2024-01-31", 14_500, service="dog-spay", discount=1_000, subsidy=5_000)  # 8,500
    small.line(first, "2024-02-01", 1_800, service="rabies")
    small.line(first, "2024-02-02", 1_600, service="pain-meds", tax=112, rate=70_000)
    small.line(
        first, "2024-02-03", 14_500, service="dog-spay", discount=1_000, subsidy=5_000, sign=-1, reverses_id=spay
    )
    small.line(second, "2024-02-01", 99_900, service="dog-spay")
    small.event(second, "voided", "2024-02-05")
    small.line(third, "2024-02-01", 700)
    small.event(third, "drafted", "2024-02-01")
    result = ask(small, "revenue-by-service")
    assert rows(result, "month", "service", "quantity", "discount", "subsidy", "revenue") == [
        (date(2024, 1, 1), "Dog spay", 1, 1_000, 5_000, 8_500),
        (date(2024, 2, 1), "Rabies vaccine", 1, 0, 0, 1_800),
        (date(2024, 2, 1), "Take-home pain relief", 1, 0, 0, 1_600),
        (date(2024, 2, 1), "Dog spay", -1, -1_000, -5_000, -8_500),
    ]
    assert total(result, "gross", "revenue") == (3_400, 3_400)
    small.event(third, "opened", "2024-02-06")  # checked out: it counts, on the day of the service
    assert total(ask(small, "revenue-by-service"), "revenue") == (4_100,)
    january = ask(small, "revenue-by-service", from_="2024-01-01", to="2024-01-31", by="month")
    assert january.rows == [(date(2024, 1, 1), 1, 14_500, 1_000, 5_000, 8_500)]


def test_a_void_shows_in_reports_although_the_lines_did_not_change(small):
    client = small.client()
    invoice = small.invoice(client, "2024-02-01")
    small.line(invoice, "2024-02-01", 5_000, service="rabies")
    assert ask(small, "revenue-by-service", by="month").rows[0][-1] == 5_000
    small.event(invoice, "voided", "2024-02-02")
    assert ask(small, "revenue-by-service", by="month").rows == []


def test_cash_received_takes_refunds_and_voids_off_their_tender_and_day(small):
    client = small.client()
    small.pay(client, "2024-02-01", 10_000)
    small.pay(client, "2024-02-01", 7_050, tender="card")
    small.pay(client, "2024-02-03", -2_000, tender="card", kind="refund")
    small.pay(client, "2024-02-03", -10_000, kind="void")
    small.pay(client, "2024-03-01", 100, tender="copay")
    result = ask(small, "cash-received", to="2024-02-29")
    assert rows(result, "tender", "payments", "received", "refunded", "net") == [
        ("card", 1, 7_050, 2_000, 5_050), ("cash", 1, 10_000, 10_000, 0),
    ]  # fmt: skip
    assert total(result, "net") == (5_050,)


def test_tax_reverses_on_the_day_of_the_correction(small):
    client = small.client()
    invoice, voided = small.invoice(client, "2024-01-31"), small.invoice(client, "2024-01-31")
    meds = small.line(invoice, "2024-01-30", 1_600, service="pain-meds", tax=112, rate=70_000)
    small.line(invoice, "2024-01-30", 14_500, service="dog-spay")
    small.line(invoice, "2024-02-02", 1_600, service="pain-meds", tax=112, rate=70_000, sign=-1, reverses_id=meds)
    small.line(voided, "2024-01-31", 1_600, service="pain-meds", tax=112, rate=70_000)
    small.event(voided, "voided", "2024-01-31")
    january = ask(small, "tax", from_="2024-01-01", to="2024-01-31")
    assert rows(january, "tax_code", "rate", "lines", "taxable", "tax") == [("sales", 0.07, 1, 1_600, 112)]
    assert total(ask(small, "tax", by="month"), "taxable", "tax") == (0, 0)


def test_ageing_applies_credits_to_the_oldest_charges(small):
    client = small.client("Old")
    for day, cents in (("2024-01-01", 10_000), ("2024-02-20", 5_000), ("2024-03-25", 2_000)):
        invoice = small.invoice(client, day)
        small.line(invoice, day, cents, service="rabies", tax=100, rate=70_000)
    small.pay(client, "2024-03-26", 12_000)  # all of January (10,100) and 1,900 of February (5,100)
    small.pay(client, "2024-03-27", -500, kind="refund")
    small.event(invoice, "forgiven", "2024-03-28", 300)
    paid = small.client("Paid")
    small.line(small.invoice(paid, "2024-03-01"), "2024-03-01", 1_000)
    small.pay(paid, "2024-03-01", 1_400)
    result = ask(small, "ar-ageing", as_of="2024-03-31")
    names = ("client", "current", "days_31_60", "days_61_90", "over_90", "total", "credit")
    assert rows(result, *names) == [("Old", 2_100, 3_400, 0, 0, 5_500, 0), ("Paid", 0, 0, 0, 0, 0, 400)]
    before = ask(small, "ar-ageing", as_of="2024-03-25")
    assert rows(before, *names)[0] == ("Old", 2_100, 5_100, 10_100, 0, 17_300, 0)


def test_a_reversing_line_takes_its_charge_away_not_an_older_one(small):
    client = small.client()
    old, new = small.invoice(client, "2024-01-01"), small.invoice(client, "2024-03-01")
    small.line(old, "2024-01-01", 1_000)
    wrong = small.line(new, "2024-03-01", 700)
    small.line(new, "2024-03-02", 700, sign=-1, reverses_id=wrong)
    result = ask(small, "ar-ageing", as_of="2024-03-31")
    assert rows(result, "current", "days_61_90", "total") == [(0, 1_000, 1_000)]


def drug_log(small):
    drug = small.add(Drug, code="x", name="Ketamine", strength="100 mg/mL", unit="mL", schedule="III")
    bottle = small.add(
        Bottle, drug_id=drug, number="K1", lot="L1", size=10_000, received_on=date(2024, 1, 1), location_id=small.main
    )  # fmt: skip

    def entry(moment, kind, delta, **values):
        return small.add(DrugLogEntry, bottle_id=bottle, kind=kind, delta=delta, event_at=at(moment), **values)

    patient = small.patient()
    entry("2024-02-01T15:00", "received", 10_000)
    entry("2024-02-02T15:00", "use", -1_000, drawn=1_000, given=800, wasted=200, patient_id=patient)
    entry("2024-03-01T04:59", "use", -500, drawn=500, given=500, patient_id=patient)  # 29 February 23:59
    wrong = entry("2024-03-01T15:00", "use", -900, drawn=900, given=900, patient_id=patient)
    entry("2024-03-01T15:05", "reversal", 900, drawn=-900, given=-900, reverses_id=wrong, patient_id=patient)
    entry("2024-03-01T15:06", "use", -90, drawn=90, given=90, patient_id=patient)
    entry("2024-03-02T15:00", "adjusted", 40)
    entry("2024-04-02T15:00", "disposed", -8_450)


def test_drug_usage_closes_where_opening_and_movements_lead(small):
    drug_log(small)
    march = ask(small, "drug-usage", from_="2024-03-01", to="2024-03-31")
    names = ("opening", "received", "given", "wasted", "adjusted", "closing", "patients")
    assert rows(march, *names) == [(8.5, 0, 0.09, 0, 0.04, 8.45, 1)]
    assert rows(ask(small, "drug-usage", from_="2024-05-01", to="2024-05-31"), *names) == [], "an empty bottle is done"
    ever = ask(small, "drug-usage")
    assert rows(ever, *names) == [(0, 10, 1.39, 0.2, -8.41, 0, 1)]


def test_the_drug_log_of_a_day_shows_running_balances(small):
    drug_log(small)
    result = ask(small, "drug-log", date="2024-03-01")
    assert rows(result, "kind", "change", "balance") == [
        ("use", -0.9, 7.6), ("reversal", 0.9, 8.5), ("use", -0.09, 8.41),
    ]  # fmt: skip


def test_mortality_counts_deaths_within_a_day_of_the_first_sedative(small):
    soon, late, mistaken, awake = (small.visit("2024-05-02", "died") for _ in range(4))
    for visit in (soon, late, mistaken):
        small.moved(visit, "2024-05-02T14:00", "premedicated")
    small.moved(soon, "2024-05-03T13:59", "died")
    small.moved(late, "2024-05-03T14:01", "died")
    wrong = small.moved(mistaken, "2024-05-02T15:00", "died")
    small.moved(mistaken, "2024-05-02T15:01", "premedicated", reverts=wrong)
    small.moved(awake, "2024-05-02T14:00", "died")
    result = ask(small, "mortality")
    assert rows(result, "species", "anaesthetised", "deaths", "per_10000") == [("dog", 3, 1, pytest.approx(10_000 / 3))]


def test_grants_balance_and_what_is_promised(small):
    fund = small.fund()
    for kind, day, cents in (
        ("received", "2024-01-10", 100_000), ("used", "2024-01-20", 9_000), ("received", "2024-02-01", 5_000),
        ("pending", "2024-02-02", 4_000), ("pending", "2024-02-03", 4_000), ("released", "2024-02-04", 4_000),
        ("used", "2024-02-05", 8_000), ("adjusted", "2024-02-06", -500),
    ):  # fmt: skip
        small.fund_moves(fund, kind, day, cents)
    result = ask(small, "grants", from_="2024-02-01", to="2024-02-29")
    names = ("fund", "opening", "received", "used", "adjusted", "balance", "pending", "available")
    assert rows(result, *names) == [("Spay grant", 91_000, 5_000, 8_000, -500, 87_500, 4_000, 83_500)]


def test_reminders_leave_out_the_done_the_dead_the_unwilling_and_the_told(small):
    def vaccinated(day, **values):
        client = small.client()
        patient = small.patient(client, **values)
        small.line(small.invoice(client, day), day, 1_800, service="rabies", patient_id=patient)
        return client, patient

    vaccinated("2023-03-10", name="Due")
    client, again = vaccinated("2023-03-11", name="Again")
    small.line(small.invoice(client, "2023-09-01"), "2023-09-01", 1_800, service="rabies", patient_id=again)
    vaccinated("2023-03-12", name="Dead", died_on=date(2023, 5, 1))
    unwilling, _ = vaccinated("2023-03-13", name="Unwilling")
    small.add(
        Consent, client_id=unwilling, channel="any", purpose="reminders", given=False, event_at=at("2023-03-13T15:00")
    )
    _, told = vaccinated("2023-03-14", name="Told")
    small.add(
        Reminder, patient_id=told, service_code="rabies", due_on=date(2024, 3, 13), sent_at=at("2024-02-20T15:00")
    )
    result = ask(small, "reminders-due", from_="2024-03-01", to="2024-03-31")
    assert rows(result, "due_on", "patient", "last_day") == [(date(2024, 3, 9), "Due", date(2023, 3, 10))]


def test_what_was_written_under_a_merged_client_counts_for_the_one_that_stayed(small):
    first, second, stays = (small.client(name, first_name="Vera") for name in ("Vain", "Vale", "Vane"))
    patient = small.patient(stays)
    small.line(small.invoice(stays, "2023-03-10"), "2023-03-10", 1_800, service="rabies", patient_id=patient)
    for client, cents in ((first, 500), (second, 700), (stays, 100)):
        small.pay(client, "2024-01-05", cents)
    small.add(
        Consent, client_id=first, channel="any", purpose="reminders", given=False, event_at=at("2023-03-13T15:00")
    )

    def paid():
        shape = {"title": "Paid", "entity": "payment", "measures": ["net"],
                 "breakdowns": [{"name": "who", "label": "Who", "by": [{"field": "client.name"}]}]}  # fmt: skip
        return run_spec("paid", ReportSpec.model_validate(shape), {}, by=small.clinic.operator).rows

    def counted():
        shape = {"title": "Clients", "entity": "client", "measures": ["clients"]}
        return run_spec("clients", ReportSpec.model_validate(shape), {}, by=small.clinic.operator).rows[0][0]

    assert len(paid()) == counted() == 3
    assert ask(small, "reminders-due", from_="2024-03-01", to="2024-03-31").rows
    for goes, into in ((first, second), (second, stays), (first, stays)):
        with write(small.clinic.id) as session:
            session.get_one(Client, (small.clinic.id, goes)).merged_into_id = into
        paid()
    assert paid() == [("Vera Vane", 1_300)] and counted() == 1
    assert not ask(small, "reminders-due", from_="2024-03-01", to="2024-03-31").rows, "one of her names refused them"
    assert ask(small, "ar-ageing").rows[0][2:] == (0, 0, 0, 500, 500, 0)
    with write(small.clinic.id) as session:
        session.get_one(Client, (small.clinic.id, stays)).restricted = True
    assert paid() == [("Restricted record", 1_300)]
    mart.mart()._seen.clear()  # a first load tells the same
    assert paid() == [("Restricted record", 1_300)] and counted() == 1


def test_the_roster_lists_one_day_of_the_location_with_its_serials(small):
    west = small.add(Location, name="West", zone="America/Los_Angeles")
    late = small.visit("2024-03-05", client_id=small.client("Zed", phone="555"), starts="20:00", services=["rabies"])
    small.add(Fund, code="spay-grant", name="Spay Grant", kind="grant")
    small.visit("2024-03-05", client_id=small.client("Amy"), starts="15:30", location=west, funding="spay-grant")
    small.visit("2024-03-05", "cancelled")
    small.visit("2024-03-06")
    printed = small.add(PrintRun, form="consent", form_version=1, purpose="roster", count=1)
    small.add(FormSheet, print_run_id=printed, serial=41, form="consent", form_version=1, pages=1, appointment_id=late)
    result = ask(small, "roster", date="2024-03-05")
    assert rows(result, "time", "client", "services", "serial", "type") == [
        ("07:30", "Amy", "", None, "Surgery"), ("15:00", "Zed", "Rabies vaccine", 41, "Surgery"),
    ]  # fmt: skip
    assert rows(result, "funding") == [("Spay Grant",), ("",)]
    assert rows(result, "appointment")[1] == (late,) or str(rows(result, "appointment")[1][0]) == late


def test_a_printed_roster_cuts_no_service_short(small):
    import io

    from pypdf import PdfReader

    from reports.paper import to_pdf as as_pdf

    for number in range(6):
        small.add(Service, code=f"extra-{number}", name=f"Longish vaccine {number}", price_cents=100)
    small.visit(
        "2024-03-05",
        services=[f"extra-{number}" for number in range(6)],
        notes="Bring the cage back to the front desk, please",
    )
    pages = PdfReader(io.BytesIO(as_pdf(ask(small, "roster", date="2024-03-05")))).pages
    words = " ".join(page.extract_text() for page in pages)
    assert words.count("vaccine") == 6 and "…" not in words


def test_a_day_without_choice_is_today_at_the_clinic(small):
    clock.set(at("2024-03-06T03:00"))  # still the 5th in New York
    small.visit("2024-03-05")
    assert len(ask(small, "roster").rows) == 1


def test_removed_rows_leave_every_number(small):
    with write(small.clinic.id) as session:
        session.query(Service).filter_by(code="rabies").one().name = "Rabies, 1 year"
    client = small.client()
    line = small.line(small.invoice(client, "2024-02-01"), "2024-02-01", 1_800, service="rabies")
    assert rows(ask(small, "revenue-by-service"), "service", "revenue") == [("Rabies, 1 year", 1_800)]
    with write(small.clinic.id) as session:
        from data.models import InvoiceLine

        session.get(InvoiceLine, (small.clinic.id, line)).deleted_at = clock.now()
    assert ask(small, "revenue-by-service").rows == []
