"""What is protected never leaves unpermitted, no value becomes markup or a header, every text ends and stays small."""

from __future__ import annotations

import re
import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from campaigns import merging, sms, starting, templates
from campaigns.braces import gist
from campaigns.merging import FIELDS, Recipient
from campaigns.settings import Template
from campaigns.templates import CannotSend, UnresolvedField, check
from data.session import read
from data.types import clock
from tests.reports import small_clinic

EVERYTHING = Template(
    label="All",
    subject="Hello {{ client_first_name }}",
    preheader="From {{ clinic_name }}",
    body="# Hello {{ client_name }}\n\n" + "\n\n".join(f"{{{{ {one.name} }}}}" for one in merging.OFFERED)
    + '\n\n[Site]({{ clinic_website }})\n\n{% if species == "cat" %}\n\nA cat.\n\n{% endif %}'
    + "\n\n- {{ patient_name | upper }}",
    button="Book for {{ patient_name }}", button_link="{{ clinic_website }}",
)  # fmt: skip
COMPILED = {
    channel: templates.compile(EVERYTHING.model_copy(update={"channel": channel, "subject": EVERYTHING.subject}))
    for channel in ("email", "letter", "sms")
}
PROTECTED = [name for name, one in FIELDS.items() if one.phi]
ANY = st.text(min_size=1, max_size=60)
NASTY = st.sampled_from(
    ["</p><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\r\nBcc: all@example.org", "<!--", "]]>",
     "{% for x in range(9) %}", "javascript:alert(1)", "[x](https://evil.example)", "\u202egnp.exe", "&lt;",
     "{{ client_name }}"]
)  # fmt: skip
VALUE = st.one_of(ANY, NASTY).filter(lambda text: merging.cleaned("x", text))


def template(body="Hello", **more):
    return Template(label="T", **{"subject": "Hello", "body": body} | more)


def shape(html):
    """Elements and the names of their attributes: what a value must not change. The web addresses are the clinic's."""
    return [
        (one.tag if isinstance(one.tag, str) else "remark", sorted(one.attrib))
        for one in lxml_html.fromstring(html).iter()
    ]


SHAPES = {
    channel: shape(COMPILED[channel].render(merging.examples(), names_phi=True).html) for channel in ("email", "letter")
}


@settings(max_examples=60)
@given(st.fixed_dictionaries({name: VALUE for name in FIELDS if name not in ("species", "client_address")}))
def test_no_value_becomes_markup_a_header_or_another_text(values):
    told = merging.examples() | values
    for channel, compiled in COMPILED.items():
        made = compiled.render(told, names_phi=True)
        assert not re.search(r"[\r\n\x00-\x1f\u2028\u2029\u202a-\u202e]", made.subject)
        if channel != "sms":
            assert shape(made.html) == SHAPES[channel]
        assert merging.cleaned("client_name", told["client_name"]) in made.text
        for _, markup in made.blocks:
            assert not re.search(r"<(?!/?(b|i|br/)>)", re.sub(r"<br/>", "", markup))


@settings(max_examples=40)
@given(st.sampled_from(PROTECTED), st.text("abcdefgh", min_size=12, max_size=20), st.sampled_from(list(COMPILED)))
def test_what_was_not_permitted_is_in_no_part_of_a_message(name, canary, channel):
    values = merging.examples() | {name: canary}
    hidden = COMPILED[channel].render(values)
    everything = "".join((hidden.subject, hidden.html, hidden.text, *(markup for _, markup in hidden.blocks)))
    assert canary not in everything.lower()
    shown = COMPILED[channel].render(values, names_phi=True)
    assert canary in (shown.html + shown.text).lower() or name == "species"
    assert canary not in shown.subject


def test_those_who_did_not_permit_it_read_neutral_words():
    one = template('{{ patient_name }} is due for {{ service or "a check" }}.')
    values = merging.examples()
    assert "your pet is due for a check." in templates.compile(one).render(values).text
    assert "you is due for a check." in templates.compile(one, kind="human").render(values).text
    assert "Milo is due for Rabies vaccination." in templates.compile(one).render(values, names_phi=True).text


@pytest.mark.parametrize("place", ["subject", "preheader"])
@pytest.mark.parametrize("name", PROTECTED)
def test_a_protected_field_never_stands_where_a_mailbox_shows_it(place, name):
    for text in (f"{{{{ {name} }}}}", f'{{{{ {name} or "it" }}}}', f"{{% if {name} %}}Yes{{% endif %}}"):
        one = template(**{place: text})
        assert [problem.stops for problem in check(one)] == [True]
        with pytest.raises(CannotSend, match="names what is protected"):
            templates.compile(one)


def test_a_field_without_a_value_is_named():
    compiled = templates.compile(template("Hello {{ client_first_name }}, from {{ clinic_phone or 'us' }}"))
    values = merging.examples() | {"clinic_phone": ""}
    assert "from us" in compiled.render(values).text
    with pytest.raises(UnresolvedField, match="no first name for this recipient") as failure:
        compiled.render(values | {"client_first_name": " \u200b"})
    assert failure.value.field == "client_first_name"
    with pytest.raises(UnresolvedField, match="the way out"):
        compiled.render({name: value for name, value in values.items() if name != "unsubscribe_link"})


@pytest.mark.parametrize(
    "body, said",
    [
        ("{% for x in y %}a{% endfor %}", "repeats nothing"),
        ("{% for x in range(10**9) %}{% for y in range(10**9) %}a{% endfor %}{% endfor %}", "repeats nothing"),
        ("{{ 'a' * 1000000000 }}", "and nothing else"),
        ("{{ client_name.__class__ }}", "and nothing else"),
        ("{{ cycler.__init__.__globals__ }}", "and nothing else"),
        ("{{ lipsum() }}", "and nothing else"),
        ("{% include 'x' %}", "repeats nothing"),
        ("{% macro a() %}{{ a() }}{% endmacro %}", "repeats nothing"),
        ("{% set a = 'x' %}", "and nothing else"),
        ("{% autoescape false %}x{% endautoescape %}", "and nothing else"),
        ("{{ client_name | safe }}", "after | may stand"),
        ("{{ client_name | replace('a', 'b') }}", "after | may stand"),
        ("{{ client_name", "not closed"),
        ("{% if client_name %}", "not closed"),
        ("{{ " + "(" * 3000 + "client_name" + ")" * 3000 + " }}", "too deep"),
        ("{% if client_name %}" * 400 + "{% endif %}" * 400, "too deep"),
        ("{{ clinet_name }}", "Did you mean client_name"),
        ("![Big](data:image/png;base64," + "A" * 15_000 + ")", "picture stands in the text"),
        ("![Spy](http://x.example/a.png)", "begins with https"),
        ("[Go](javascript:alert)", None),
        ("[Go](ftp://x)", "leads nowhere"),
        ("[Go](https://x.example/?q={{ client_name }})", "inside the address of a link"),
        ("[Go]({{ client_name }})", "inside the address of a link"),
    ],
)
def test_what_a_text_may_not_hold_is_said_in_a_sentence(body, said):
    begun = time.perf_counter()
    found = [problem for problem in check(template(body)) if problem.stops]
    assert time.perf_counter() - begun < 2
    if said is None:
        assert (
            "javascript"
            not in (re.findall(r'href="([^"]*)', templates.compile(template(body)).render(merging.examples()).html)[0])
        )
    else:
        assert found and said in found[0].words, found


def test_a_picture_of_20_mb_is_refused_with_a_sentence():
    with pytest.raises(CannotSend, match="picture belongs on the clinic's website"):
        templates.as_document({"label": "T", "subject": "S", "body": f"![x](data:image/png;base64,{'A' * 20_000_000})"})


@settings(max_examples=80)
@given(st.text("{}%#|()[]<>!\"'*_`-\n aorif=client_name", max_size=200))
def test_any_text_is_checked_or_made_into_a_message(body):
    if not body.strip():
        return
    one = template(body)
    if any(problem.stops for problem in check(one)):
        return
    try:
        templates.compile(one).render(merging.examples())
    except UnresolvedField:
        raise AssertionError(body) from None


def test_a_mail_is_laid_out_once_and_fetches_nothing():
    html = COMPILED["email"].render(merging.examples()).html
    assert "prefers-color-scheme: dark" in html and "<style>" in html
    assert not re.search(r"<link|@import|fonts\.g|<script", html)
    assert set(re.findall(r'(?:src|href)="([^"]+)"', html)) == {"https://harbor.example", "https://example.org/u/token"}
    assert "{{" not in html and "{%" not in html


@pytest.mark.parametrize(
    "text, coding, parts, left",
    [
        ("a" * 160, "GSM-7", 1, 0), ("a" * 161, "GSM-7", 2, 145), ("€" * 80, "GSM-7", 1, 0),
        ("€" * 81, "GSM-7", 2, 143), ("ł" * 70, "UCS-2", 1, 0), ("ł" * 71, "UCS-2", 2, 63),
        ("😀" * 35, "UCS-2", 1, 0), ("", "GSM-7", 1, 160),
    ],
)  # fmt: skip
def test_text_messages_are_counted_as_phones_count_them(text, coding, parts, left):
    found = sms.parts_of(text)
    assert (found.coding, found.parts, found.left) == (coding, parts, left)


def test_a_text_message_says_how_to_stop_only_where_it_is_marketing():
    one = template("Your visit is near.", channel="sms")
    assert templates.compile(one).render({}).text.endswith("Reply STOP to get no more.")
    assert templates.compile(one, purpose="reminder").render({}).text == "Your visit is near."


@pytest.mark.parametrize("kind", ["veterinary", "human"])
def test_every_template_to_begin_with_can_be_sent_to_anybody(kind):
    begun = starting.templates(kind)
    assert {one.label.split(" (")[0] for one in begun} >= {"Care is due", "Recall", "After the visit", "Missed visit",
                                                           "Closed day"}  # fmt: skip
    bare = merging.examples() | {name: "" for name in PROTECTED} | {"clinic_phone": "", "clinic_website": ""}
    for one in begun:
        assert not [problem for problem in check(one, kind) if problem.stops], one.label
        said = templates.compile(one, kind=kind).render(bare).text
        assert "pet" not in said or kind == "veterinary", one.label


def test_values_come_for_many_at_once(clinic, monkeypatch):
    monkeypatch.setattr(clock, "today", lambda zone: date(2026, 3, 31))
    small = small_clinic.Small(clinic)
    owner = small.client("Rivera", first_name="Kim", address="1 Elm St", city="Troy", region="NY", postal_code="12180")
    milo, luna = small.patient(owner, "cat", name="Milo"), small.patient(owner, "dog", name="Luna")
    lone = small.client("Stray")
    small.line(small.invoice(owner, "2025-04-15"), "2025-04-15", 2000, service="rabies", patient_id=milo)
    small.visit("2025-04-15", "checked_out", patient_id=milo, client_id=owner)
    small.visit("2026-04-20", "booked", patient_id=luna, client_id=owner, starts="11:30")
    both, one, bare = Recipient(owner, (milo, luna)), Recipient(owner, (luna,)), Recipient(lone)
    with read(clinic.id) as session:
        found = merging.values_of(session, [both, one, bare], list(FIELDS))
    assert found[both]["patient_names"] == "Milo and Luna" and found[one]["patient_name"] == "Luna"
    assert found[both]["client_address"] == "Kim Rivera\n1 Elm St\nTroy, NY 12180"
    assert found[both]["last_visit_day"] == "April 15, 2025" and found[both]["next_visit_day"] == "April 20, 2026"
    assert found[both]["next_visit_time"].replace("\u202f", " ") == "7:30 AM"
    assert "abies" in found[both]["service"] and found[one]["service"] == ""
    assert found[bare]["client_first_name"] == "Stray" and found[bare]["patient_name"] == ""
    assert found[bare]["client_address"] == "" and found[bare]["unsubscribe_link"] == ""
    assert found[bare]["clinic_name"] == "Harbor Spay & Neuter"


def test_a_letter_needs_an_address():
    one = templates.compile(template("# Hello\n\nDear **{{ client_name }}**,\n\n- one", channel="letter", subject=""))
    made = one.render(merging.examples() | {"client_address": "Kim <b>\n1 Elm St"})
    assert made.address == ("Kim <b>", "1 Elm St") and "Kim &lt;b&gt;<br/>1 Elm St" in made.html
    assert made.blocks == (("h1", "Hello"), ("p", "Dear <b>Kim Rivera</b>,"), ("li", "one"))
    with pytest.raises(UnresolvedField, match="postal address"):
        one.render(merging.examples() | {"client_address": ""})


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)//{{ clinic_website }}", '{{ clinic_website or "javascript:alert(1)" }}',
        "{{ clinic_website }}javascript:{{ clinic_website }}", '{{ "javascript:alert(1)" }}', "{{ clinic_website",
        '{% if clinic_website == "x" %}javascript:alert(1){% endif %}', "data:text/html,x", "//evil.example",
        '{{ clinic_website or client_name or "https://x.example" }}',
    ],
)  # fmt: skip
def test_a_link_leads_to_a_whole_address_whatever_is_put_into_it(link):
    """What stands before, after or instead of a field made it a script."""
    assert any(one.stops for one in check(template(button="Book", button_link=link)))
    for fine in ("{{ clinic_website }}", '{{ clinic_website or "https://x.example" }}', "https://x.example/a?b=c"):
        assert not any(one.stops for one in check(template(button="Book", button_link=fine)))


@pytest.mark.parametrize(
    "link",
    ['{{ clinic_website or "javascript:alert(1)" }}', '{% if clinic_website == "x" %}https://x.example{% endif %}',
     "https://x.example/{{ client_name }}", "{{ client_name }}", '{{ "javascript:alert(1)" }}'],
)  # fmt: skip
def test_a_link_in_the_text_does_too(link):
    assert any(one.stops for one in check(template(f"[Book]({link})")))


def test_a_list_shows_the_first_words_of_a_text_and_no_braces():
    text = '{{ clinic_name }}: {{ patient_name or "your pet" }}{% if due_day %} soon{% endif %} {{ no_field }}'
    assert gist(text) == "Harbor Clinic: Milo soon"
    assert gist("word " * 60).endswith("word …") and len(gist("word " * 60)) <= 110
