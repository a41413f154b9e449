"""What the demo clinic built for itself: a folder of reports, one of them with three versions, and two dashboards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from data import definitions
from data.models import User
from data.session import ClinicSession
from opening import demo_outage, demo_subscriptions
from reports.dashboards import DASHBOARD, Dashboard
from reports.queries import QUERY, SavedQuery
from reports.saved import REPORT, SavedReport

MONTH = {"field": "day", "grain": "month", "label": "Month"}
FOLDER = "Owner's desk"
REPORTS: dict[str, dict[str, Any]] = {
    "revenue-per-surgeon": {
        "title": "Revenue per surgeon, cats only", "purpose": "What each surgeon earned with cats, month by month.",
        "entity": "invoice_line", "permission": "reports.money", "period": "day", "preset": "last_12_months",
        "filters": [{"field": "patient.species", "op": "is", "value": "cat"}, {"field": "provider.name", "op": "not_empty"}],
        "breakdowns": [{"name": "month", "label": "Month and surgeon",
                        "by": [MONTH, {"field": "provider.name", "name": "surgeon", "label": "Surgeon"}]}],
        "measures": ["revenue", "lines"], "sort": ["month", "-revenue"],
        "chart": {"kind": "stacked", "title": "Which surgeon earns what with cats?", "y": "revenue"},
    },
    "surgeries-per-week": {
        "title": "Surgeries per week", "purpose": "How many animals were operated on, week by week.",
        "entity": "surgery", "period": "day", "preset": "last_90_days",
        "breakdowns": [{"name": "week", "label": "Week", "by": [{"field": "day", "grain": "week", "label": "Week"}]}],
        "measures": ["surgeries", "complicated"], "sort": ["week"],
        "chart": {"kind": "bar", "title": "How many surgeries a week?", "y": "surgeries"},
    },
    "no-shows-by-type": {
        "title": "No-shows by kind of visit", "purpose": "Which visits are booked and then missed.",
        "entity": "appointment", "period": "day", "preset": "last_90_days",
        "breakdowns": [{"name": "type", "label": "Kind of visit", "by": [{"field": "type.label", "name": "type"}]}],
        "measures": ["no_shows", "attended", "rate_of_arrivals"], "sort": ["-rate_of_arrivals"],
        "chart": {"kind": "ranked", "title": "Which visits are missed?", "y": "rate_of_arrivals"},
    },
    "today-by-stage": {
        "title": "Where today's patients are", "purpose": "Everybody on today's roster, by stage.",
        "entity": "appointment", "period": "day", "preset": "today",
        "breakdowns": [{"name": "stage", "label": "Stage", "by": [{"field": "stage"}]}],
        "measures": ["all_rows"], "sort": ["-all_rows"],
        "chart": {"kind": "ranked", "title": "Where are today's patients?", "y": "all_rows"},
    },
    "charges-today": {
        "title": "Charges by service", "purpose": "What was charged, and how often, the dearest first.",
        "entity": "invoice_line", "permission": "reports.money", "period": "day", "preset": "this_week",
        "breakdowns": [{"name": "service", "label": "Service", "by": [{"field": "service"}]}],
        "measures": ["lines", "revenue", "discount"], "sort": ["-revenue"], "limit": 12,
        "chart": {"kind": "ranked", "title": "What brings the money?", "y": "revenue"},
    },
}  # fmt: skip
EARLIER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("first try", {"filters": [], "title": "Revenue per surgeon", "chart": {"kind": "none"}}),
    ("only cats, as the board asked", {"title": "Revenue per surgeon", "chart": {"kind": "none"}}),
)
"""What the first report of the folder looked like before."""
BOARDS: dict[str, dict[str, Any]] = {
    "owners-revenue": {
        "title": "Owner's revenue", "description": "What comes in, from whom, and what is still owed.",
        "folder": FOLDER, "preset": "last_12_months", "filters": [{"field": "patient.species", "label": "Species"}],
        "tiles": [
            {"report": "revenue-by-service", "title": "Revenue", "show": "number", "number": "revenue"},
            {"report": "surgeries", "title": "Surgeries", "show": "number", "number": "surgeries"},
            {"report": "revenue-by-service", "title": "Paid by grants", "show": "number", "number": "subsidy"},
            {"report": "no-show-rate", "title": "No-shows", "show": "number", "number": "rate_of_arrivals"},
            {"report": "revenue-by-service", "title": "Revenue by service", "width": 2, "height": 3},
            {"report": "revenue-per-surgeon", "width": 2, "height": 3},
            {"report": "cash-received", "title": "Money received", "show": "table", "width": 2, "height": 2},
            {"report": "surgeries", "title": "Which patients", "show": "table", "width": 2, "height": 2},
        ],
    },
    "clinic-day": {
        "title": "Clinic day", "description": "Today at a glance; made to hang on a wall.", "folder": FOLDER,
        "preset": "today",
        "tiles": [
            {"report": "no-show-rate", "title": "On the roster", "show": "number", "number": "all_rows"},
            {"report": "no-show-rate", "title": "Came", "show": "number", "number": "attended"},
            {"report": "surgeries", "title": "Surgeries", "show": "number", "number": "surgeries"},
            {"report": "no-show-rate", "title": "Missed", "show": "number", "number": "no_shows"},
            {"report": "today-by-stage", "width": 2, "height": 3},
            {"report": "surgeries-per-week", "width": 2, "height": 3, "preset": "last_90_days"},
            {"report": "surgeries-by-vet", "title": "By surgeon, this month", "show": "table", "width": 2, "height": 2,
             "preset": "this_month"},
            {"report": "no-shows-by-type", "show": "table", "width": 2, "height": 2, "preset": "last_90_days"},
        ],
    },
}  # fmt: skip


QUERIES: dict[str, dict[str, Any]] = {
    "new-and-returning-clients": {
        "title": "New and returning clients",
        "purpose": "How many clients of a month came for the first time?",
        "chart": {"kind": "stacked", "x": "month", "y": "clients", "series": "client"},
        "text": """WITH visit AS (
  SELECT client_id, day, min(day) OVER (PARTITION BY client_id) AS first_visit
  FROM appointment
  WHERE stage = 'checked_out'
)
SELECT date_trunc('month', day) AS month,
       CASE WHEN day = first_visit THEN 'New' ELSE 'Returning' END AS client,
       count(DISTINCT client_id) AS clients
FROM visit, period
WHERE day BETWEEN first_day AND last_day
GROUP BY 1, 2
ORDER BY 1, 2""",
    },
}
"""What is asked in SQL."""


def keep(session: ClinicSession, zone: str) -> None:
    """Save all of them as if the owner and the administrator had built them."""
    people = {
        user.role: user.id
        for user in session.scalars(select(User).where(User.role.in_(("owner", "administrator", "manager"))))
    }
    owner = people.get("owner", "")

    def report(name: str, spec: dict[str, Any], by: str, comment: str = "") -> None:
        saved = SavedReport.model_validate({"spec": spec, "folder": FOLDER, "owner": owner, "shared": True})
        definitions.save(session, REPORT, name, saved, by_user_id=by or None, comment=comment)

    first = next(iter(REPORTS))
    for comment, was in EARLIER:
        report(first, REPORTS[first] | was, people.get("administrator", ""), comment)
    for name, spec in REPORTS.items():
        report(name, spec, owner, "with a chart" if name == first else "")
    for name, body in QUERIES.items():
        asked = SavedQuery.model_validate(body | {"folder": FOLDER, "owner": owner, "shared": True})
        definitions.save(session, QUERY, name, asked, by_user_id=owner or None)
    for name, body in BOARDS.items():
        placed = [{"id": f"t{count}", "width": 1, "height": 1} | tile for count, tile in enumerate(body["tiles"], 1)]
        board = Dashboard.model_validate(body | {"tiles": placed, "owner": owner, "shared": True})
        definitions.save(session, DASHBOARD, name, board, by_user_id=owner or None)
    demo_subscriptions.keep(session, zone, people)
    demo_outage.keep(session, zone, people)
