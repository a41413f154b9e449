"""The menu stays short, and every page is reached from it or from one beside it."""

from __future__ import annotations

import pytest

from pages.components import beside
from security.permissions import DEFAULT_ROLES
from tests.security import permission_table as table


def menu_of(role):
    """The entries of the menu by group, as a role sees them."""
    may = DEFAULT_ROLES[role][2]
    groups = {}
    for section, pages in table.navigation().SECTIONS.items():
        shown = [p for p in pages if p.in_menu and p.opens_for(may) and beside.first(p, pages, may) is p]
        if shown:
            groups[section] = [beside.entry(page, pages) for page in shown]
    return groups


def test_staff_see_at_most_eight_entries():
    entries = [entry for group in menu_of("staff").values() for entry in group]
    assert len(entries) <= 8 and {"Roster", "Patient flow", "Checkout", "Outage & paper"} <= set(entries)


@pytest.mark.parametrize("role", DEFAULT_ROLES)
def test_nobody_sees_more_than_five_groups(role):
    assert len(menu_of(role)) <= 5


def test_whoever_may_only_print_finds_that_page_in_the_menu():
    pages = table.navigation().SECTIONS["Outage"]
    printing = next(page for page in pages if page.path == "print-forms")
    assert beside.first(printing, pages, frozenset({"outage.print"})) is printing
    assert beside.entry(printing, pages) == "Outage & paper"


def test_a_page_beside_another_stands_in_the_same_group():
    for pages in table.navigation().SECTIONS.values():
        paths = {page.path for page in pages}
        assert all(page.beside in paths for page in pages if page.beside)
