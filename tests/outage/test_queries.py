"""What a busy page of an outage asks of the database does not grow with the day."""

from zoneinfo import ZoneInfo

from sqlalchemy import event

from outage import board, entry, print_runs, review, sheets
from tests.outage.paper_day import ZONE, PaperDay

DRUGS = {"drugs.1.bottle": "17", "drugs.1.drawn": "1.2", "drugs.1.given": "1.2"}


def test_a_long_day_takes_as_many_queries_as_a_short_one(sqlite_clinic):
    clinic = sqlite_clinic
    day, by, counted = PaperDay(clinic), clinic.operator, []
    event.listen(clinic.database.engine, "before_cursor_execute", lambda *a: counted.append(a[2]))
    pages = {
        "board": lambda: board.board(day.id, by=by),
        "back entry": lambda: entry.to_enter(by=by, outage_id=day.id),
        "to look at": lambda: entry.exceptions(by=by, outage_id=day.id),
        "review": lambda: review.waiting(by=by),
        "sheets a page may be": lambda: sheets.sheets_of_day(day.began.astimezone(ZoneInfo(ZONE)).date(), by=by),
        "pages missing": lambda: sheets.missing_pages(by=by),
        "what may be destroyed": lambda: board.papers(day.id, by=by),
        "stock": lambda: print_runs.blank_stock(by=by),
    }

    def add(visits):
        for number in range(visits):
            visit = day.visit(f"Luna {number}", stage="checked_out")
            day.sheet("consent", visit, scanned=[1], review=[2])
            day.sheet("travel-sheet", visit, scanned=[1, 2], typed=DRUGS)

    def queries():
        found = {}
        for name, ask in pages.items():
            counted.clear()
            ask()
            found[name] = sum(statement.startswith("SELECT") for statement in counted)
        return found

    add(1)
    queries()  # what a process reads once
    add(1)
    short = queries()
    add(6)
    assert queries() == short
    assert len(review.waiting(by=by)) == 8
    assert short["board"] <= 32 and short["back entry"] <= 32 and max(short["review"], short["stock"]) <= 8
    again = queries()
    assert {name: count for name, count in again.items() if count > 1} == {"to look at": 2}, "nothing changed"
