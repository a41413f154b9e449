"""Bank statements: days and cents as the bank means them, equal lines told apart, numbers of accounts gone."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import String, select

from billing.settlement import bank, runs
from billing.settlement.accounts import AccountTaken
from billing.settlement.bank.table import StatementUnclear
from billing.settlement.content import NotReadable
from billing.settlement.files import import_bank
from billing.settlement.land_bank import AccountUnclear
from billing.settlement.rows import Setting
from data.card_numbers import holds_card_number
from data.errors import BadInput
from data.models import BankLine, Base
from data.session import read
from records.imports import ImportRefused

HERE = Setting(ZoneInfo("America/New_York"))
CARD = "4111111111111111"


def ofx(*lines, account="123456789", currency="USD"):
    body = "".join(
        f"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>{day}<TRNAMT>{amount}<FITID>{fitid}<NAME>{name}</STMTTRN>\n"
        for day, amount, fitid, name in lines
    )
    return (
        f"OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>\n"
        f"<STMTRS><CURDEF>{currency}<BANKACCTFROM><BANKID>1<ACCTID>{account}<ACCTTYPE>CHECKING</BANKACCTFROM>\n"
        f"<BANKTRANLIST>{body}</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    ).encode()


def parsed(content, make="auto", name="file"):
    content = content if isinstance(content, bytes) else content.encode()
    return bank.FORMATS[bank.recognise(content, make)].read(content, name, HERE)


def lines(clinic):
    with read(clinic.id) as session:
        return session.scalars(select(BankLine).order_by(BankLine.posted_on, BankLine.external_id)).all()


def test_sections_that_never_end_cost_no_time():
    with pytest.raises(NotReadable):
        parsed(b"<OFX>" + b"<![CDATA[" * 200_000)


DEPOSIT = ("20260304120000[-8:PST]", "96.35", "F1", "MTOT DEP 8076")


def test_an_ofx_statement_comes_in_once_under_the_clinics_own_name(clinic):
    first = import_bank(ofx(DEPOSIT), by=clinic.operator, name="a.ofx", account="Operating")
    assert (first.added, first.target) == (1, "Operating")
    more = import_bank(ofx(DEPOSIT, ("20260305", "-1.00", "F2", "Fee")), by=clinic.operator, name="b.ofx")
    assert (more.added, more.skipped, more.target) == (1, 1, "Operating"), "the name is remembered"
    assert [(line.posted_on, line.amount_cents, line.external_id, line.account) for line in lines(clinic)] == [
        (date(2026, 3, 4), 9_635, "F1", "Operating"), (date(2026, 3, 5), -100, "F2", "Operating"),
    ]  # fmt: skip
    with pytest.raises(AccountTaken):
        import_bank(ofx(DEPOSIT, account="99887766"), by=clinic.operator, account="Operating")
    for run in (more, first):
        runs.undo_landing(run.run_id, by=clinic.operator)
    assert import_bank(ofx(DEPOSIT), by=clinic.operator, account="Savings").target == "Savings", (
        "forgotten with its lines"
    )


def test_an_id_that_the_bank_uses_again_is_told_apart_by_day_and_amount(sqlite_clinic):
    june = ofx(("20260601", "10.00", "1", "A"), ("20260602", "20.00", "2", "B"), ("20260602", "20.00", "2", "B"))
    july = ofx(("20260701", "10.00", "1", "A"), ("20260702", "20.00", "2", "B"))
    by = sqlite_clinic.operator
    assert import_bank(june, by=by).added == 2, "the same line twice with the same id is one"
    assert import_bank(july, by=by).added == 2
    assert (import_bank(june, by=by).added, import_bank(july, by=by).added) == (0, 0)
    assert [line.external_id for line in lines(sqlite_clinic)] == ["1", "2", "1 2026-07-01 1000", "2 2026-07-02 2000"]


def test_no_card_number_of_a_statement_is_kept_anywhere(sqlite_clinic):
    content = ofx(("20260304", "1.00", CARD, f"POS {CARD} SHOP 8076"), account=CARD)
    done = import_bank(content, by=sqlite_clinic.operator, name=f"{CARD}.ofx")
    assert done.target == "Account ending 1111"
    (line,) = lines(sqlite_clinic)
    assert line.description == "POS …1111 SHOP 8076"
    with read(sqlite_clinic.id, include_deleted=True) as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                for column in table.columns:
                    if isinstance(row[column.name], str | dict | list) or isinstance(column.type, String):
                        assert not holds_card_number(str(row[column.name])), (table.name, column.name)


def test_two_accounts_in_one_file_need_no_name_and_take_none(sqlite_clinic):
    content = ofx(DEPOSIT).replace(b"</BANKMSGSRSV1></OFX>", b"") + ofx(DEPOSIT, account="987654321").split(b"<OFX>")[1]
    with pytest.raises(AccountUnclear):
        import_bank(content, by=sqlite_clinic.operator, account="Operating")
    assert import_bank(content, by=sqlite_clinic.operator).target == "Account ending 6789, Account ending 4321"


def test_the_same_statement_in_another_format_is_pointed_out(sqlite_clinic):
    import_bank(ofx(DEPOSIT), by=sqlite_clinic.operator, account="Operating")
    table = b"Date,Description,Amount\n2026-03-04,Merchant deposit,96.35\n"
    told = import_bank(table, by=sqlite_clinic.operator, account="Operating", dry_run=True)
    assert told.added == 1 and told.remarks[0].startswith("1 of them have the same day and amount")


def test_a_foreign_currency_is_refused(sqlite_clinic):
    with pytest.raises(ImportRefused) as refused:
        import_bank(ofx(DEPOSIT, currency="CAD"), by=sqlite_clinic.operator, name="c.ofx")
    assert refused.value.lines == ["c.ofx, line 6: currency: 'CAD' is not the clinic's currency USD."]


MT940 = (
    ":20:A\n:25:NL81ASNB9999999999\n:28C:1/1\n:60F:C251230EUR100,00\n:61:2512310102D10,5NTRFNONREF//77\n"
    ":86:Rent\nand more\n:61:260228RC1,NMSCNONREF\n:62F:C260102EUR88,50\n-\n"
)


def test_mt940_entry_days_reversals_and_long_descriptions():
    (account,) = parsed(MT940).accounts
    assert [(row.posted_on, row.amount_cents, row.currency) for row in account.rows] == [
        (date(2026, 1, 2), -1_050, "EUR"), (date(2026, 2, 28), -100, "EUR"),
    ]  # fmt: skip
    assert account.rows[0].description == "77 Rent and more"
    assert parsed(MT940.replace("260228", "260230")).accounts[0].rows[1].posted_on == date(2026, 2, 28)
    assert "closing balance" in parsed(MT940.replace("88,50", "88,49")).remarks[0]
    assert "without its closing balance" in parsed(MT940.split(":62F:")[0]).problems[0]
    assert "line 5: '251331' is not a day" in parsed(MT940.replace(":61:251231", ":61:251331")).problems[0]


BAI2 = (
    "01,BANK,CLINIC,260304,0700,1,,,2/\n02,CLINIC,BANK,1,260303,2359,USD,2/\n03,123456789,USD,010,100000,,/\n"
    "16,165,9635,S,9635,0,0,REF1,,MTOT DEP 8076 260303/\n88,MORE TEXT\n16,475,2500,,,CHK319/\n49,112135,5/\n"
    "98,112135,1,7/\n99,112135,1,9/\n"
)


def test_bai2_signs_continuations_and_control_totals():
    found = parsed(BAI2)
    assert found.problems == []
    assert [(row.posted_on, row.amount_cents) for row in found.accounts[0].rows] == [
        (date(2026, 3, 3), 9_635), (date(2026, 3, 3), -2_500),
    ]  # fmt: skip
    assert found.accounts[0].rows[0].description == "REF1 MTOT DEP 8076 260303 MORE TEXT"
    assert "control total of the account" in parsed(BAI2.replace("165,9635", "165,9636")).problems[0]
    assert "number of records" in parsed(BAI2.replace("88,MORE TEXT\n", "")).problems[0]
    with pytest.raises(NotReadable, match="its end is missing"):
        parsed(BAI2.split("98,")[0])


CAMT = (
    '<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>'
    "<Id>1</Id><Acct><Id><IBAN>NL77ABNA0574908765</IBAN></Id><Ccy>EUR</Ccy></Acct>"
    '<Ntry><Amt Ccy="EUR">754.25</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-05</Dt></BookgDt>'
    "<NtryDtls><TxDtls><RmtInf><Ustrd>Insurance policy</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    '<Ntry><Amt Ccy="EUR">664.05</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt>'
    "<DtTm>2026-01-05T23:00:00Z</DtTm></BookgDt><AddtlNtryInf>Deposit</AddtlNtryInf></Ntry>"
    '<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts><BookgDt><Dt>2026-01-06</Dt>'
    "</BookgDt></Ntry>"
    "</Stmt></BkToCstmrStmt></Document>"
)


@pytest.mark.parametrize(("outer", "inner"), [("BkToCstmrStmt", "Stmt"), ("BkToCstmrDbtCdtNtfctn", "Ntfctn")])
def test_camt_statements_and_notifications(outer, inner):
    text = CAMT.replace("BkToCstmrStmt", outer).replace("<Stmt>", f"<{inner}>").replace("</Stmt>", f"</{inner}>")
    found = parsed(text)
    assert (found.problems, found.remarks) == ([], ["1 entries are not booked yet and are left out"])
    (account,) = found.accounts
    assert (account.ending, account.currency) == ("8765", "EUR")
    assert [(row.posted_on, row.amount_cents, row.description) for row in account.rows] == [
        (date(2026, 1, 5), -75_425, "Insurance policy"), (date(2026, 1, 5), 66_405, "Deposit"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Date,Details,Money out,Money in\n02/28/2026,Rent,900.00,\n03/01/2026,MTOT DEP,,96.35\n", [-90_000, 9_635]),
        ("Buchungstag;Umsatztext;Soll;Haben\n28.02.2026;Miete;900,00;\n01.03.2026;DEP;;1.096,35\nSumme;;900,00;1.096,35\n",
         [-90_000, 109_635]),
        ("\ufeffPosting Date,Description,Amount\n2026-02-28,Rent,(900.00)\n2026-03-01,DEP,$96.35\n", [-90_000, 9_635]),
    ],
)  # fmt: skip
def test_csv_statements_by_the_names_of_their_columns(text, amounts):
    found = parsed(text)
    assert found.problems == []
    assert [row.amount_cents for row in found.accounts[0].rows] == amounts
    assert found.accounts[0].rows[0].posted_on == date(2026, 2, 28)


def test_a_csv_statement_in_utf_16_and_what_is_no_statement():
    found = parsed("Date,Amount\n2026-03-01,1.00\n".encode("utf-16"))
    assert found.accounts[0].rows[0].amount_cents == 100
    with pytest.raises(StatementUnclear, match="Choose them yourself"):
        parsed("a,b\nx,y\n")
    for content in (b"!Type:Bank\nD01/01/26\nT5\n^\n", b"<html><body>Sign in</body></html>"):
        with pytest.raises(BadInput):
            parsed(content)
