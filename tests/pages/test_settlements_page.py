"""The page of settlements: a dropped file is recognized, shown, imported and taken back; an unknown table is taught."""

from sqlalchemy import select

from billing.settlement import overview, runs, saved
from billing.settlement.mapping import SettlementMapping
from data.models import BankLine, SettledTransaction
from data.session import read
from tests.screen import opened

PLAIN = (
    b"reference,batch,settled_on,processed_at,amount,status,last4,brand\n"
    b"T1,B1,2026-03-03,2026-03-02T10:00:00-05:00,125.00,settled,4242,Visa\n"
    b"T2,,,2026-03-02T10:00:00-05:00,80.00,authorized,<b>,Visa\n"
)
TERMINAL = (
    b"Report\nNr,Sold,Masked,Was,Sum\nA1,11/17/2026 10:02,****4242,bought,$125.00\n"
    b"A2,11/18/2026 11:30,****1881,back,$20.00\n"
)
STATEMENT = b"Date,Description,Amount\n2026-03-04,<b>MTOT DEP</b> 8076,96.35\n"


def dropped(clinic, content, name="day.csv"):
    at = opened(clinic, "mona", "money/settlements.py")
    at.file_uploader(key="settlement-0").upload(name, content, "text/csv").run()
    assert not at.exception, at.exception
    return at


def said(at, kind):
    return " ".join(one.value for one in getattr(at, kind))


def the(at, kind, beginning):
    return next(one for one in getattr(at, kind) if one.key and one.key.startswith(beginning))


def stored(clinic, model):
    with read(clinic.id) as session:
        return session.scalars(select(model)).all()


def test_an_empty_page_says_where_each_processors_file_is_found(sqlite_clinic):
    at = opened(sqlite_clinic, "mona", "money/settlements.py")
    assert "Nothing has come in yet" in said(at, "info")
    for name in ("Stripe", "Authorize.net", "Elavon Converge", "MX Merchant", "Your bank"):
        assert name in said(at, "markdown")


def test_a_dropped_file_is_checked_imported_known_again_and_taken_back(sqlite_clinic):
    at = dropped(sqlite_clinic, PLAIN)
    assert "row 3: column last4" in at.code[0].value and not stored(sqlite_clinic, SettledTransaction)
    at = dropped(sqlite_clinic, PLAIN.replace(b"<b>", b"0007"))
    assert the(at, "button", "land-").label == "Import 2 transactions"
    the(at, "button", "land-").click().run()
    assert not at.exception and "2 of 2 transactions came in" in said(at, "success").replace("\\", "")
    assert "Matched: 1 new case" in said(at, "success").replace("\\", ""), "what nobody took is a case at once"
    assert len(stored(sqlite_clinic, SettledTransaction)) == 2
    again = dropped(sqlite_clinic, PLAIN.replace(b"<b>", b"0007"))
    assert "here already" in said(again, "info") and not [b for b in again.button if b.key.startswith("land-")]
    (run,) = runs.list_runs(by=sqlite_clinic.operator)
    again.button(key=f"undo-{run.id}").click().run()
    assert again.button(key="undo-yes").label == "Take it back"


def test_a_column_of_refunds_is_known_by_its_words_and_one_of_card_types_is_not(sqlite_clinic):
    table = (
        b"Nr;Sold;Was;Paid with;Sum\nA1;19/11/2026 10:02;sale;Credit;125,00\nA2;20/11/2026 11:30;refund;Debit;20,00\n"
    )
    _, mapping = overview.guess_mapping(
        table, "odd.csv", SettlementMapping(of="settlement", fields={}), by=sqlite_clinic.actor("mona")
    )
    assert mapping.fields["kind"].column == "Was"


def test_an_unknown_table_is_guessed_corrected_kept_and_known_the_next_time(sqlite_clinic):
    at = dropped(sqlite_clinic, TERMINAL, "terminal.csv")
    the(at, "selectbox", "purpose-").set_value("settlement").run()
    assert not at.exception, at.exception
    assert "Still to choose" in said(at, "info")
    the(at, "selectbox", "from-reference-").set_value("Nr").run()
    the(at, "selectbox", "from-kind-").set_value("Was").run()
    assert "'bought' is not a kind" in at.code[0].value
    the(at, "selectbox", "from-kind-").set_value("Leave out").run()
    assert the(at, "button", "land-").label == "Import 2 transactions"
    the(at, "text_input", "name-").set_value("Corner terminal").run()
    the(at, "button", "keep-").click().run()
    assert not at.exception, at.exception
    mapping = saved.saved_mappings(by=sqlite_clinic.operator)["corner-terminal"]
    assert (mapping.label, mapping.date_order, mapping.fields["amount"].column) == ("Corner terminal", "mdy", "Sum")
    again = dropped(sqlite_clinic, TERMINAL, "terminal.csv")
    the(again, "selectbox", "purpose-").set_value("settlement").run()
    assert "Take it along as a file" in str(again.get("download_button")), "one that was kept before is shared as well"
    text = saved.export_mapping("corner-terminal", by=sqlite_clinic.operator)
    assert saved.read_mapping_text(text, "shared.toml") == mapping
    trial = overview.try_file(TERMINAL, "t.csv", "settlement", mapping=mapping, by=sqlite_clinic.operator)
    assert trial.landed.added == 2 and [row["Amount"] for row in trial.rows] == [12_500, 2_000]


def test_a_bank_statement_takes_the_clinics_name_for_the_account(sqlite_clinic):
    at = dropped(sqlite_clinic, STATEMENT, "bank.csv")
    the(at, "text_input", "account-").set_value("Operating").run()
    the(at, "button", "land-").click().run()
    assert not at.exception, at.exception
    (line,) = stored(sqlite_clinic, BankLine)
    assert (line.account, line.amount_cents, line.description) == ("Operating", 9_635, "<b>MTOT DEP</b> 8076")


def test_the_payments_list_of_mx_is_refused_with_the_way_to_the_right_report(sqlite_clinic):
    at = dropped(
        sqlite_clinic,
        b"Reference,Transaction Type,Tender,Amount,Status,Authorization Code,Customer,Source,Date/Time\n"
        b"1,Sale,Visa,12.00,Approved,A1,Ann,Quick Pay,03/02/2026 10:00 AM\n",
    )
    assert "Reports > Settlement" in said(at, "error").replace("\\", "")


def test_the_page_is_closed_to_who_may_not_reconcile(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "money/settlements.py")
    assert not at.file_uploader and not at.exception


def test_a_table_in_another_encoding_is_read_by_choosing_it(sqlite_clinic):
    at = dropped(sqlite_clinic, PLAIN.replace(b"<b>", b"0007").replace(b"Visa", b"Vis\xe1"), "western.csv")
    assert "not UTF-8" in said(at, "error")
    the(at, "selectbox", "encoding-").set_value("windows-1252").run()
    assert not at.exception and not at.error
    assert the(at, "button", "land-").label == "Import 2 transactions"


def test_a_statement_in_a_swift_block_and_a_list_of_batches_say_what_they_are(sqlite_clinic):
    swift = b"{1:F01ASNBNL21XXXX0000000000}{2:O940ASNBNL21XXXXN}{4:\n:20:0000000000\n:25:NL81ASNB9999999999\n"
    swift += (
        b":28C:1/1\n:60F:C200101USD404,81\n:61:2001010101D65,00NTRFref//x\n:86:rent\n:62F:C200101USD339,81\n-}{5:}\n"
    )
    at = dropped(sqlite_clinic, swift, "may.txt")
    assert "MT940" in said(at, "markdown") and the(at, "button", "land-").label == "Import 1 line"
    batches = (
        b'{"batchList": [{"batchId": "12", "settlementTimeUTC": "2020-03-02T10:00:00Z", "settlementTimeLocal": '
        b'"2020-03-02T04:00:00", "settlementState": "settledSuccessfully", "statistics": [{"accountType": "Visa", '
        b'"chargeAmount": 10.00, "chargeCount": 1, "refundAmount": 0.00, "refundCount": 0}]}], "messages": '
        b'{"resultCode": "Ok", "message": [{"code": "I00001", "text": "Successful."}]}}'
    )
    at = dropped(sqlite_clinic, batches, "batches.json")
    assert the(at, "button", "land-").label == "Import 1 batch" and "1 batch would come in" in said(at, "markdown")
