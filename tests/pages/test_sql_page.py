"""The SQL page: who it opens for, a question asked, refused, kept and brought back."""

from reports import saved
from reports.queries import SavedQuery
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
    page.button(key="sql_save").click().run()
    page.text_input(key="sql_title").set_value("Patients by species")
    page.text_input(key="sql_purpose").set_value("Which kinds come?")
    page.button(key="sql_save").click()
    page.button(key="sql_save_go").click().run()
    assert not page.exception and not page.error
    card = saved.card("patients-by-species", by=sqlite_clinic.actor("olive"))
    assert (card.spec.title, card.owner, card.in_sql) == ("Patients by species", "Adam Abbott", True)
    page = opened(sqlite_clinic, "olive", "reporting/sql.py", query=card.name)
    page.button(key="sql_run").click().run()
    assert '<td class="s">dog</td><td class="n">1</td>' in told(page)


def test_a_kept_question_opens_like_any_report_for_who_may_not_write_sql(sqlite_clinic):
    small = small_clinic.Small(sqlite_clinic)
    small.patient(small.client("Zimmermann"))
    adam = sqlite_clinic.actor("adam")
    text = "SELECT species, count(*) AS patients FROM patient, period WHERE first_day <= today GROUP BY 1"
    chart = {"kind": "bar", "x": "species", "y": "patients"}
    name = saved.save_query(SavedQuery(title="By <species>", text=text, chart=chart), by=adam)
    page = opened(sqlite_clinic, "mona", "reporting/report.py", name=name)
    assert not page.error and '<td class="s">dog</td><td class="n">1</td>' in told(page)
    assert page.selectbox(key="period").value == "Last 12 months"
    assert "SELECT species" in page.code[0].value
    keys = {button.key for button in page.button}
    assert not {"copy_report", "remove_report", "place_report"} & keys
    library = opened(sqlite_clinic, "mona", "reporting/library.py")
    assert "By \\<species\\>" in " ".join(link.proto.label for link in library.main.get("page_link"))
    page = opened(sqlite_clinic, "adam", "reporting/report.py", name=name)
    assert {"pin_report", "copy_report", "report_versions"} <= {button.key for button in page.button}


def test_a_text_typed_over_an_older_version_stays_and_saves_as_nothing_but_a_copy(sqlite_clinic):
    adam, olive = sqlite_clinic.actor("adam"), sqlite_clinic.actor("olive")
    name = saved.save_query(SavedQuery(title="Numbers", text="SELECT 1 AS n"), by=adam)
    drafts.save(f"sql:{name}", {"version": 1, "typed": "SELECT 3 AS n"}, by=adam)
    saved.save_query(SavedQuery(title="Numbers", text="SELECT 2 AS n"), name=name, version=1, by=olive)
    page = opened(sqlite_clinic, "adam", "reporting/sql.py", query=name)
    assert "SELECT 3 AS n" in told(page)
    page.button(key="sql_save").click().run()
    page.button(key="sql_save").click()
    page.button(key="sql_save_go").click().run()
    assert "Somebody else" in page.error[0].value
    assert saved.card(name, by=adam).spec.sql == "SELECT 2 AS n"
    page.button(key="sql_save").click()
    page.button(key="sql_save_copy").click().run()
    assert not page.error and saved.card("numbers-2", by=adam).spec.sql == "SELECT 3 AS n"


def test_a_refusal_is_one_sentence_and_the_text_stays(sqlite_clinic):
    page = typed(sqlite_clinic, "adam", "SELECT * FROM read_csv('/etc/passwd')")
    page.button(key="sql_run").click().run()
    assert [one.value for one in page.error] == [
        "read_csv cannot be read like a table here. Only the tables of the list can."
    ]
    assert "read_csv('/etc/passwd')" in told(page)
