"""Templates: what is written, made ready once for a whole campaign, so that for each message only values are put in.

``compile`` turns Markdown into a laid-out mail, a plain text, a text message or a letter; ``Compiled.render`` puts one
recipient's values in. Values are put in last, after all markup was made, and escaped for where they stand: none of them
can become markup, a link or a header. What is protected is withheld unless the sender says that this client permitted
it on this channel.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from campaigns import mail_layout
from campaigns.braces import BRACED, NotAText, Problem, Ready, UnresolvedField, names_in, parsed, unknown, words_in
from campaigns.merging import FIELDS, cleaned, withheld
from campaigns.settings import Channel, Purpose, Template
from campaigns.sms import MOST_PARTS, parts_of, strange_signs
from data.errors import BadInput
from data.models import Clinic
from data.session import ClinicSession

LARGEST_HTML = 100_000
"""Bytes of an e-mail: larger ones are cut off by mailboxes."""
LARGEST_PICTURE = 150_000
"""Letters of an address that holds a picture itself; such a mail is refused by many servers."""
_SAFE_LINK = re.compile(r"(https?://[^\s]+|mailto:[^\s]+|tel:[^\s]+)", re.IGNORECASE)

__all__ = ["FIELDS", "Compiled", "NotAText", "Problem", "Rendered", "UnresolvedField", "check", "compile"]


class TooLarge(BadInput):
    """The finished e-mail has {size} KB, and mailboxes cut off what is over {most}. Shorten the text."""


class NoAddress(UnresolvedField):
    """There is no postal address for this recipient, so no letter can go there. Enter one, or leave the client out."""


class CannotSend(BadInput):
    """{what}"""


@dataclass(frozen=True)
class Rendered:
    """One message. ``blocks`` are the paragraphs of a letter as (kind, markup): h1, h2, p or li."""

    subject: str
    html: str
    text: str
    blocks: tuple[tuple[str, str], ...] = ()
    address: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compiled:
    """A template made ready. ``fields`` are those it needs a value of, the layout's included."""

    channel: Channel
    fields: frozenset[str]
    _subject: Ready
    _html: Ready | None
    _text: Ready
    _blocks: Ready | None = field(default=None)

    def render(self, values: Mapping[str, str], *, names_phi: bool = False) -> Rendered:
        """One recipient's message. ``names_phi``: this client permitted that messages by this channel name patient and
        service; without it neutral words stand in their place. Raises UnresolvedField naming the field."""
        told = {name: cleaned(name, values[name]) for name in self.fields if name in values}
        if not names_phi:
            told = withheld(told)
        subject = " ".join(self._subject.put(withheld(told)).split())
        if self.channel == "letter":
            return self._letter(told, subject)
        html = self._html.put(told) if self._html else ""
        return Rendered(subject, html, _tidied(self._text.put(told)))

    def _letter(self, told: dict[str, str], subject: str) -> Rendered:
        address = tuple(told.get("client_address", "").split("\n"))
        if not address[0]:
            raise NoAddress(field="client_address")
        lines = dict(told)
        lines["client_address"] = Markup("<br/>").join(address)
        assert self._html is not None and self._blocks is not None
        blocks = tuple(
            (kind, markup.strip()) for one in self._blocks.put(lines).split(_END)
            for kind, _, markup in [one.strip().partition(_KIND)] if markup.strip()
        )  # fmt: skip
        return Rendered(subject, self._html.put(lines), _tidied(self._text.put(told)), blocks, address)


_PLACE = "{% if clinic_address %}, {{ clinic_address }}{% endif %}"
"""Where the clinic is; a launch is held up elsewhere while that is not known."""
_SIGN = "\n-- \n"
"""By it a mail program knows where the end of a mail begins."""
_END, _KIND = "\u241e", "\u241f"


def compile(
    template: Template, *, kind: str = "veterinary", purpose: Purpose = "marketing", paper: str = "letter"
) -> Compiled:
    """Make a template ready, once for a campaign. ``kind`` is the clinic's (for neutral words), ``purpose`` decides
    what stands at the end. Raises CannotSend with the first thing that keeps it from being sent."""
    for problem in check(template, kind):
        if problem.stops:
            raise CannotSend(what=f"{problem.place}: {problem.words}")
    if template.channel == "sms":
        end = "\nReply STOP to get no more." if purpose == "marketing" else ""
        text = Ready(template.body.strip() + end, kind)
        return Compiled("sms", frozenset(text.fields), Ready("", kind), None, text)
    held = _Held()
    tokens = _markdown().parse(held.put_away(template.body))
    body = _without_empty(held, str(_markdown().renderer.render(tokens, _markdown().options, {})))
    plain = _plain(tokens)
    if template.channel == "letter":
        return _letter_of(kind, held, tokens, body, plain, paper)
    return _mail_of(template, kind, purpose, held, body, plain)


def _mail_of(template: Template, kind: str, purpose: Purpose, held: _Held, body: str, plain: str) -> Compiled:
    clinic, link, place = (
        held.put_away("{{ clinic_name }}"),
        held.put_away("{{ unsubscribe_link }}"),
        held.put_away(_PLACE),
    )
    foot, foot_text = mail_layout.footer(purpose, clinic, place, link)
    button, button_link = held.put_away(template.button), held.put_away(template.button_link)
    html = mail_layout.mail(
        preheader=held.put_away(template.preheader), body=body, button=button, link=button_link,
        colour=template.colour, footer=foot, clinic=clinic,
    )  # fmt: skip
    if button:
        plain += f"\n\n{button}: {button_link}"
    mail = Ready(held.bring_back(html), kind, escaped=True)
    text = Ready(held.bring_back(f"{plain}\n\n{foot_text}"), kind)
    subject = Ready(template.subject, kind)
    if len(html.encode()) > LARGEST_HTML:
        raise TooLarge(size=len(html.encode()) // 1000, most=f"{LARGEST_HTML // 1000} KB")
    return Compiled("email", frozenset((*mail.fields, *text.fields, *subject.fields)), subject, mail, text)


def _letter_of(kind: str, held: _Held, tokens: list[Token], body: str, plain: str, paper: str) -> Compiled:
    clinic, to, today = (held.put_away(f"{{{{ {name} }}}}") for name in ("clinic_name", "client_address", "today"))
    place = held.put_away(_PLACE)
    html = mail_layout.letter(body=body, clinic=clinic, place=place, to=to, today=today, paper=paper)
    blocks = _END.join(f"{kind_}{_KIND}{markup}" for kind_, markup in _blocks(tokens))
    made = Ready(held.bring_back(html), kind, escaped=True)
    text = Ready(held.bring_back(plain), kind)
    return Compiled(
        "letter", frozenset((*made.fields, *text.fields)), Ready("", kind), made, text,
        Ready(held.bring_back(blocks), kind, escaped=True),
    )  # fmt: skip


def check(template: Template, kind: str = "veterinary") -> list[Problem]:  # noqa: ARG001
    """Everything about a template that keeps it from being sent, or that its author should know."""
    found: list[Problem] = []
    named: dict[str, list[str]] = {}
    for place, text in _texts(template).items():
        try:
            named[place] = names_in(parsed(text))
            found += unknown(named[place], place)
        except NotAText as failure:
            found.append(Problem(place, failure.message))
    for place in ("Subject", "First words beside the subject"):
        for name in named.get(place, []):
            if name in FIELDS and FIELDS[name].phi:
                found.append(Problem(place, f"{FIELDS[name].label} names what is protected. A subject is seen by "
                                            "everybody who sees the mailbox: say it in the text."))  # fmt: skip
    if "Link of the button" in named:
        found += _of_button(template.button_link, named["Link of the button"])
    if any(one.stops for one in found):
        return found
    found += _of_body(template, named.get("Text", []))
    return found


def _of_button(link: str, named: list[str]) -> list[Problem]:
    place, held = "Link of the button", _Held()
    strange = [FIELDS[name].label for name in named if name in FIELDS and not FIELDS[name].link]
    if strange:
        return [Problem(place, f"{label} is no address on the web.") for label in strange]
    if not held.leads_somewhere(held.put_away(link)):
        return [Problem(place, "Write a whole address, such as https://www.example.org.")]
    return []


def _of_body(template: Template, named: list[str]) -> list[Problem]:
    found = []
    if template.channel == "sms":
        parts, strange = parts_of(BRACED.sub("xxxxxxxx", template.body)), strange_signs(BRACED.sub("", template.body))
        if parts.parts > MOST_PARTS:
            found.append(Problem("Text", f"It would go out as {parts.parts} messages. Shorten it."))
        elif strange:
            found.append(
                Problem("Text", f"Signs such as {strange[:6]} make each message cost about twice as much.", False)
            )
    else:
        found += _of_links(template.body)
    hidden = [FIELDS[name].label for name in named if FIELDS[name].phi]
    if hidden:
        found.append(Problem("Text", f"{', '.join(hidden)}: only for clients who permitted it on this channel. "
                                     "The others read neutral words.", False))  # fmt: skip
    return found


def _of_links(body: str) -> list[Problem]:
    """Where the links and pictures of a text lead to."""
    found, held = [], _Held()
    text = held.put_away(body)
    if re.search(r"\(\s*<?data:", text):
        size = max(len(one) for one in re.split(r"data:", text))
        told = f"{size / 1_000_000:.1f} MB" if size > 100_000 else "its whole content"
        found.append(Problem("Text", f"A picture stands in the text with {told}. Put it on the clinic's website and "
                                     "write its address: ![What it shows](https://…)."))  # fmt: skip
    for token in _markdown().parse(text):
        for one in token.children or []:
            target = str(one.attrs.get("href") or one.attrs.get("src") or "")
            if not target or one.type not in ("link_open", "image"):
                continue
            inside = held.holds(target)
            if inside and not held.leads_somewhere(target):
                found.append(Problem("Text", "A merge field stands inside the address of a link. Addresses are kept "
                                             "by many: link to a page, and name nobody in it."))  # fmt: skip
            elif not held.leads_somewhere(target):
                found.append(Problem("Text", f"The link to {target[:60]} leads nowhere. Write a whole address, such as "
                                             "https://www.example.org."))  # fmt: skip
            elif one.type == "image" and not inside and not target.lower().startswith("https://"):
                found.append(Problem("Text", "A picture needs an address that begins with https://."))
    return found


def _texts(template: Template) -> dict[str, str]:
    told = {
        "Subject": template.subject, "First words beside the subject": template.preheader, "Text": template.body,
        "Words of the button": template.button, "Link of the button": template.button_link,
    }  # fmt: skip
    return {place: text for place, text in told.items() if text}


class _Held:
    """What stands between braces, put away while everything else is made into markup, and brought back after that."""

    def __init__(self) -> None:
        self._mark = f"q{uuid.uuid4().hex}n"
        self._held: list[str] = []
        self._any = re.compile(rf"{self._mark}(\d+)z")

    def put_away(self, text: str) -> str:
        """The text with one long word in the place of each."""

        def away(found: re.Match[str]) -> str:
            self._held.append(found[0])
            return f"{self._mark}{len(self._held) - 1}z"

        return BRACED.sub(away, text)

    def bring_back(self, made: str) -> str:
        """The markup with the braces in it again; what the markup has of braces of its own means nothing."""
        own = re.sub(r"\{(?=[{%#])", "{ ", made)
        return self._any.sub(lambda found: self._held[int(found[1])], own)

    def holds(self, text: str) -> bool:
        """Whether something of this was put away."""
        return bool(self._any.search(text))

    def leads_somewhere(self, address: str) -> bool:
        """Whether a link can go there: a whole address, or nothing but one field that is an address on the web, with
        none but whole addresses in its place."""
        found = self._any.fullmatch(address)
        if not found:
            return not self.holds(address) and bool(_SAFE_LINK.fullmatch(address))
        braced = self._held[int(found[1])]
        if not braced.startswith("{{"):
            return False
        tree = parsed(braced)
        return all(name not in FIELDS or FIELDS[name].link for name in names_in(tree)) and all(
            _SAFE_LINK.fullmatch(str(words)) for words in words_in(tree)
        )

    def alone(self, html: str) -> str:
        """Choices that stand on a line of their own are no paragraphs."""

        def bare(found: re.Match[str]) -> str:
            return found[1] if self._held[int(found[2])].startswith("{%") else found[0]

        return re.sub(rf"<p>({self._mark}(\d+)z)</p>", bare, html)


def _without_empty(held: _Held, html: str) -> str:
    return held.alone(html)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True, "maxNesting": 12})


def _plain(tokens: list[Token]) -> str:
    """Markdown as plain text: paragraphs apart, lists with dashes, links with their address."""
    parts: list[str] = []
    lists: list[int] = []
    prefix = ""
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(0 if token.type.startswith("ordered") else -1)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "list_item_open":
            if lists[-1] >= 0:
                lists[-1] += 1
            prefix = "  " * (len(lists) - 1) + (f"{lists[-1]}. " if lists[-1] >= 0 else "- ")
        elif token.type == "inline":
            parts.append(prefix + _plain_inline(token.children or []))
            prefix = "  " * len(lists)
        elif token.type in ("fence", "code_block"):
            parts.append(token.content.rstrip())
        elif token.type == "hr":
            parts.append("-" * 20)
    joined = ""
    for part in parts:
        is_item = re.match(r"\s*(- |\d+\. )", part)
        joined += ("\n" if is_item and re.search(r"(^|\n)\s*(- |\d+\. )[^\n]*$", joined) else "\n\n") + part
    return joined.strip()


def _plain_inline(children: list[Token]) -> str:
    made, target = "", ""
    for one in children:
        if one.type in ("text", "code_inline"):
            made += one.content
        elif one.type in ("softbreak", "hardbreak"):
            made += "\n"
        elif one.type == "link_open":
            target = str(one.attrs.get("href", ""))
        elif one.type == "link_close":
            made += "" if made.endswith(target) else f" ({target})"
        elif one.type == "image":
            made += f"[{one.content}]" if one.content else ""
    return made


def _blocks(tokens: list[Token]) -> list[tuple[str, str]]:
    """Markdown as the paragraphs of a printed letter, with the few tags that print knows."""
    found: list[tuple[str, str]] = []
    kind = "p"
    for token in tokens:
        if token.type == "heading_open":
            kind = "h1" if token.tag == "h1" else "h2"
        elif token.type == "list_item_open":
            kind = "li"
        elif token.type in ("heading_close", "list_item_close"):
            kind = "p"
        elif token.type == "inline":
            found.append((kind, "".join(_printed(one) for one in token.children or [])))
    return found


def _printed(one: Token) -> str:
    tags = {"strong_open": "<b>", "strong_close": "</b>", "em_open": "<i>", "em_close": "</i>"}
    if one.type in ("text", "code_inline"):
        return escape(one.content)
    if one.type in ("softbreak", "hardbreak"):
        return "<br/>"
    if one.type == "link_open":
        return ""
    return tags.get(one.type, "")


def _tidied(text: str) -> str:
    """Without the empty lines that a choice left behind; the sign of a mail's end keeps its space."""
    if "\n\n\n" not in text and text.count(" \n") == text.count(_SIGN):
        return text.strip()  # as most are: taking lines apart is a tenth of a message's work
    lines = (line if line == _SIGN.strip("\n") else line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def kind_of(session: ClinicSession) -> str:
    """veterinary or human."""
    return str(session.get_one(Clinic, session.clinic_id).kind)


def as_document(body: Mapping[str, Any]) -> Template:
    """A template from what a form holds. Raises CannotSend with a sentence for what is missing or too long."""
    from pydantic import ValidationError

    from data.definitions import said

    if len(str(body.get("body", ""))) > 20_000:
        size = len(str(body["body"]))
        raise CannotSend(
            what=f"The text holds {size:,} letters, at most 20,000 fit. A picture belongs on the clinic's website: "
            "write its address, ![What it shows](https://…)."
        )  # fmt: skip
    try:
        return Template.model_validate(body)
    except ValidationError as failure:
        first = failure.errors()[0]
        place = _PLACES.get(str(first["loc"][0]) if first["loc"] else "", "")
        words = said(first)
        raise CannotSend(what=f"{place} {words}." if place else f"{words[:1].upper()}{words[1:]}.") from None


_PLACES = {
    "label": "The name", "subject": "The subject", "preheader": "The first words beside the subject",
    "body": "The text", "button": "The words of the button", "button_link": "The link of the button",
    "colour": "The colour",
}  # fmt: skip
