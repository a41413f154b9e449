"""A slip is keyed at the same moment at which its own link is paid, or sent: one wins, the other is refused, and the
money is taken once."""

import threading

import pytest

from billing.processors import orders
from data.errors import Refusal
from outage.slip_claims import charge_slip, claim_slip, request_slip
from tests.outage.test_slip_claims import Pages, SlipDay

PARTS = (1, 2, 3, 4)


class Strict(Pages):
    """A processor whose page is paid or ended, never both, whoever asks at the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def expire(self, placed):
        with self.lock:
            return super().expire(placed)

    def pay_page(self, key) -> bool:
        """Whether the client could pay it."""
        with self.lock:
            if key in self.ended:
                return False
            self.paid[key] = True
            return True


@pytest.fixture
def day(clinic, monkeypatch):
    made = SlipDay(clinic, monkeypatch)
    made.processor = Strict()
    return made


def at_once(*acts):
    """What each of them came to, the name of its refusal included."""
    start, told = threading.Barrier(len(acts)), [""] * len(acts)

    def one(place, act):
        start.wait()
        try:
            told[place] = act()
        except Refusal as refusal:
            told[place] = type(refusal).__name__

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_a_slip_and_its_own_link_never_both_take_the_money(day):
    sam, mona = day.clinic.actor("sam"), day.clinic.actor("mona")
    for part in PARTS:
        one = day.open_slip(part)
        request = request_slip(one, by=sam)
        day.client_opens(request)
        key = list(day.processor.pages)[-1]

        def client(key=key, request=request):
            if not day.processor.pay_page(key):
                return "page is dead"
            return orders.look_up(request, by=day.clinic.operator)

        def keyed(one=one, part=part):
            return "keyed" if charge_slip(one, f"A{part}7", by=sam).reference else "kept"

        def claimed(one=one):
            return claim_slip(one, "stripe", by=mona) and "claimed"

        acts = [client, keyed, claimed] if part % 2 else [keyed, claimed, client]
        told = dict(zip([act.__name__ for act in acts], at_once(*acts), strict=True))
        if told["client"] == "page is dead":
            assert told["keyed"] == "keyed", told
        else:
            assert told["keyed"] in ("PaidMeanwhile", "PaidAlready"), told
        row = day.of(one)
        assert row.reference and not row.request_id, told
        assert sum(cents for _, cents in day.payments()) == 8_500 * part, told
        assert row.channel == ("slip" if told["keyed"] == "keyed" else "payment_request")
    assert {cents for _, cents in day.payments()} == {8_500}, "nothing had to be given back"


def test_a_link_is_not_sent_for_a_slip_that_is_keyed_at_the_same_moment(day):
    sam, mona = day.clinic.actor("sam"), day.clinic.actor("mona")
    for part in PARTS:
        one = day.open_slip(part)
        told = at_once(
            lambda one=one, part=part: charge_slip(one, f"B{part}7", by=sam).reference and "keyed",
            lambda one=one: request_slip(one, by=mona) and "sent",
        )
        row = day.of(one)
        assert sum(cents for _, cents in day.payments()) <= 8_500 * part
        assert bool(row.reference) != bool(row.request_id), (told, row)
        if row.request_id:  # the link came first: keying is refused, or ends it when tried again
            assert charge_slip(one, f"B{part}7", by=sam).reference and not day.of(one).request_id
        assert sum(cents for _, cents in day.payments()) == 8_500 * part
