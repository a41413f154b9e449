"""The SQL page: who it opens for, a question asked, refused, kept and brought back."""

from reports import sql
from security import drafts
from tests.reports import small_clinic
from tests.screen import opened, told


def typed(clinic, username, text, place="sql:new"):
    """The page with this text in the field, as it stands after a pause of typing."""
    drafts.save(place, text, by=clinic.actor(username))
    return opened(clinic, username, "reporting/sql.py")


def test_an_administrator_asks_keeps_and_takes_the_answer_along(sqlite_clinic):
    small = small_clinic.Small(sqlite_clinic)
    small.patient(small.client("Zimmermann"))
    page = typed(sqlite_clinic, "adam", "SELECT species, count(*) AS patients FROM patient GROUP BY 1")
    assert "`patient`" in {expander.label for expander in page.expander}
    page.button(key="sql_run").click().run()
    assert not page.exception and not page.error
    assert '<td class="s">dog</td><td class="n">1</td>' in told(page)
    page.text_input(key="sql_title").set_value("Patients by species").run()
    page.button(key="sql_save_new").click().run()
    assert not page.exception and not page.error
    (card,) = sql.queries(by=sqlite_clinic.actor("olive"))
    assert (card.saved.title, card.owner) == ("Patients by species", "Adam Abbott")
    page = opened(sqlite_clinic, "olive", "reporting/sql.py", query=card.name)
    page.button(key="sql_run").click().run()
    assert '<td class="s">dog</td><td class="n">1</td>' in told(page)


def test_a_refusal_is_one_sentence_and_the_text_stays(sqlite_clinic):
    page = typed(sqlite_clinic, "adam", "SELECT * FROM read_csv('/etc/passwd')")
    page.button(key="sql_run").click().run()
    assert [one.value for one in page.error] == [
        "read_csv cannot be read like a table here. Only the tables of the list can."
    ]
    assert "read_csv('/etc/passwd')" in told(page)
