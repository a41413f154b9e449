"""``/report-files/<id>``: a long list goes out as it is written, to the session it was offered to and nobody else."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from starlette.requests import Request

from data.errors import NotFound
from data.models import AuditLog
from data.session import read, write
from reports import export, waiting
from reports.model import UnknownWord
from reports.run import run_spec
from reports.spec import ReportSpec
from security import sessions
from tests.reports import small_clinic
from web.report_files import report_file

LIST = ReportSpec.model_validate({
    "title": "Visits", "entity": "appointment", "columns": [{"field": "day"}, {"field": "stage"}], "total": False,
})  # fmt: skip


@pytest.fixture
def small(sqlite_clinic):
    small = small_clinic.Small(sqlite_clinic)
    for day in range(1, 21):
        small.visit(f"2024-03-{day:02d}", "checked_out")
    return small


def answered(token, id):
    """Status and body as a browser gets them."""

    async def ask():
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        scope |= {"ballast_token": token, "path_params": {"id": id}}
        response = await report_file(Request(scope))
        if not hasattr(response, "body_iterator"):
            return response, response.body
        return response, b"".join([piece async for piece in response.body_iterator])

    with ThreadPoolExecutor(1) as aside:  # a browser of another test may hold this thread's loop
        return aside.submit(lambda: asyncio.run(ask())).result()


def test_a_list_arrives_whole_and_only_where_it_was_offered(small):
    token, other = small.clinic.token("adam"), small.clinic.token("olive")
    adam = sessions.resume(token, touch=False).actor
    id = waiting.offer("visits", LIST, {}, "visits – all.csv", by=adam)
    assert waiting.offer("visits", LIST, {}, "visits – all.csv", by=adam) == id
    response, body = answered(token, id)
    assert response.status_code == 200 and body == export.to_csv(run_spec("visits", LIST, {}, by=adam, form="csv"))
    assert "attachment" in response.headers["content-disposition"] and response.headers["cache-control"] == "no-store"
    assert answered(other, id)[0].status_code == 404
    assert answered("", id)[0].status_code == 401
    assert answered(token, "x")[0].status_code == 404
    with read(small.clinic.id) as session:
        rows = session.scalars(select(AuditLog).where(AuditLog.action == "report.exported")).all()
    assert [json.loads(row.detail)["rows"] for row in rows] == [20, 20]


def test_a_right_that_was_taken_away_meanwhile_is_missed_and_a_broken_list_says_so(small):
    from data import definitions
    from security.roles import ROLE, Role

    token = small.clinic.token("mona")
    mona = sessions.resume(token, touch=False).actor
    id = waiting.offer("visits", LIST, {}, "visits.csv", by=mona)
    gone = LIST.model_copy(update={"entity": "never"})
    broken = waiting.offer("visits", gone, {}, "visits.csv", by=mona)
    response, body = answered(token, broken)
    assert response.status_code == 400 and b"never" in body
    with write(small.clinic.id) as session:
        role = Role(label="Manager", permissions=["reports.view", "reports.others"])
        definitions.save(session, ROLE, "manager", role, by_user_id=None)
    assert answered(token, id)[0].status_code == 403


def test_whoever_leaves_stops_the_engine_and_what_went_out_is_written_down(small, monkeypatch):
    monkeypatch.setattr(waiting, "PIECE", 16)
    monkeypatch.setattr(waiting, "AHEAD", 1)
    adam = small.clinic.actor("adam")
    sent = waiting.fetch(waiting.offer("visits", LIST, {}, "v.csv", by=adam), by=adam)
    assert next(sent.pieces).startswith(b"day,stage")
    assert [one for one in threading.enumerate() if one.name == "report file"], "it waits for a slow reader"
    sent.pieces.close()
    until = time.monotonic() + 10
    while [one for one in threading.enumerate() if one.name == "report file"] and time.monotonic() < until:
        time.sleep(0.02)
    assert not [one for one in threading.enumerate() if one.name == "report file"]
    with read(small.clinic.id) as session:
        assert session.scalars(select(AuditLog).where(AuditLog.action == "report.exported")).all()


def test_what_fails_on_the_way_never_looks_like_the_whole(small, monkeypatch):
    def half(name, spec, params, file, *, by):
        file.write(b"day,stage\r\n" + b"x" * waiting.PIECE)
        raise UnknownWord(what="field", name="x", where="y", known="z")

    monkeypatch.setattr(waiting, "write_csv", half)
    adam = small.clinic.actor("adam")
    sent = waiting.fetch(waiting.offer("visits", LIST, {}, "v.csv", by=adam), by=adam)
    with pytest.raises(UnknownWord):
        list(sent.pieces)


def test_old_offers_make_room(small, monkeypatch):
    monkeypatch.setattr(waiting, "MOST", 2)
    adam = small.clinic.actor("adam")
    first, *_, last = [waiting.offer("visits", LIST, {}, f"{count}.csv", by=adam) for count in range(4)]
    with pytest.raises(NotFound):
        waiting.fetch(first, by=adam)
    assert waiting.fetch(last, by=adam).file_name == "3.csv"
