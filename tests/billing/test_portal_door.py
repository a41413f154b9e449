"""A code is used once, whoever tries it at the same moment, on both databases."""

from concurrent.futures import ThreadPoolExecutor

from billing.portal import door
from tests.billing.test_requests import address, switch_on
from tests.billing.visits import visit
from tests.web.test_portal import MAIL, newest_code


def test_two_at_the_same_moment_use_a_code_once(clinic):
    switch_on(clinic)
    _, client = visit(clinic)
    address(clinic, client, MAIL)
    door.ask_code("harbor", MAIL)
    code = newest_code(clinic)
    with ThreadPoolExecutor(4) as pool:
        entered = list(pool.map(lambda _: door.enter("harbor", MAIL, code), range(4)))
    assert sum(one is not None for one in entered) == 1
    token, _ = next(one for one in entered if one)
    visitor = door.resume("harbor", token)
    assert visitor.client_id == client
    door.leave(visitor)
    assert door.resume("harbor", token) is None


def test_wrong_codes_at_the_same_moment_all_count(clinic):
    switch_on(clinic)
    _, client = visit(clinic)
    address(clinic, client, MAIL)
    door.ask_code("harbor", MAIL)
    with ThreadPoolExecutor(5) as pool:
        assert not any(pool.map(lambda n: door.enter("harbor", MAIL, f"0000000{n}"), range(5)))
    assert door.enter("harbor", MAIL, newest_code(clinic)) is None
