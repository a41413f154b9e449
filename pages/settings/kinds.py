"""Every setting as one entry of a table: a new kind of definition is a few lines here.

The form is drawn from the kind's document class; ``fields`` says what the class cannot: words and special widgets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import appointments.settings
import billing.client_billing
import billing.processors.settings
import billing.settings
import campaigns.settings  # noqa: F401 - registers its kinds
import records.settings  # noqa: F401 - registers its kinds
from pages.components.definition_form import Field
from security import profile  # noqa: F401 - registers its kind

DAY = "The day"
CLINIC = "The clinic"
MONEY = "Money"
PAPER = "Paper"
MESSAGES = "Messages"
GROUPS = (CLINIC, DAY, MONEY, MESSAGES, PAPER)


@dataclass(frozen=True)
class Setting:
    """One card on the settings page. ``only`` is the slug of a setting that exists once; ``page`` a script of its
    own where the common editor does not do."""

    kind: str
    title: str
    one: str
    icon: str
    about: str
    group: str
    only: str = ""
    page: str = ""
    label: str = "label"
    """The field that names an entry."""
    group_by: str = ""
    """A field in words after the name, where entries of several sorts stand in one list."""
    fields: dict[str, Field] = field(default_factory=dict)

    def name_of(self, body: dict[str, Any], slug: str) -> str:
        """What an entry is called on screen."""
        group = f" · {str(body.get(self.group_by) or '').lower()}" if self.group_by else ""
        return self.short_of(body, slug) + group + ("" if body.get("active", True) else " (off)")

    def short_of(self, body: dict[str, Any], slug: str) -> str:
        """The words that name an entry, from which a new one gets its key."""
        parts = [str(body.get(self.label) or slug), str(body.get("strength") or "")]
        return " ".join(part for part in parts if part)


_ACTIVE = Field("In use", help="Switched off, it is no longer offered; records that name it keep it.")

SETTINGS = (
    Setting(
        "clinic-profile", "Clinic profile", "profile", "storefront",
        "Address and contact on prints and mail, support contact, community link, sign-off time.", CLINIC,
        only="clinic",
        fields={
            "legal_name": Field("Legal name"), "address": Field("Address", widget="long"),
            "email": Field("E-mail"), "tax_number": Field("Tax number"),
            "support_contact": Field("Support contact", help="Whom staff call when the software fails them."),
            "community_link": Field("Community link", help="An address for clients: your page, group or newsletter."),
            "security_officer": Field("Security officer"),
            "idle_minutes": Field("Sign out after minutes without input"),
            "paper": Field("Paper size", words={"letter": "Letter", "a4": "A4"}),
            "off_site_backup": Field("Off-site place for backups", help="A mounted folder on another machine."),
            "outage_lead": Field("Who decides to work on paper", help="Stands on the page for an outage."),
            "outage_paper": Field("Where the paper lies", help="The pack, blank forms, card slips, clipboards."),
            "outage_phones": Field("Whom to call in an outage",
                                   help="One on each line, such as Card processor: 1 800 555 0100"),
        },
    ),
    Setting(
        "location", "Locations and opening days", "location", "location_on",
        "Where you work, in which time zone, and when the doors are open.", CLINIC, label="name",
        fields={
            "name": Field("Name"), "zone": Field("Time zone", widget="zone"),
            "address": Field("Address", widget="long"), "opening": Field("Opening days", widget="week"),
            "active": _ACTIVE,
        },
    ),
    Setting(
        "appointment-type", "Appointment types", "appointment type", "event",
        "What can be booked: how long it takes, how many fit in a day, from what time.", DAY,
        fields={
            "label": Field("Name"), "minutes": Field("Minutes each"),
            "capacity": Field("How many a day and location"),
            "capacity_by_location": Field("Other capacity at", widget="counts", choices="location:name",
                                          help="Leave empty where the usual capacity holds."),
            "surgical": Field("Ends in surgery"), "starts": Field("First one at", widget="time"),
            "colour": Field("Color"),
            "services": Field("Usual services", choices="service:slug"), "active": _ACTIVE,
        },
    ),
    Setting(
        "flow-stages", "Flow stages", "stages", "view_kanban",
        "The columns of the patient flow board: their names, colors and order, and which are hidden.", DAY,
        only="flow", page="settings/flow_stages.py",
    ),
    Setting(
        "paper-rules", "Keeping paper", "rule", "inventory_2",
        "How long drug log sheets are kept on paper after an outage.", PAPER, only="paper",
        fields={
            "drug_log_years": Field("Years to keep drug log sheets on paper",
                                    help="Two by federal rules; some states want three or more."),
        },
    ),
    Setting(
        "vault", "The Vault", "address", "lock_clock",
        "The day's roster by mail at midnight, as a file that opens without Ballast.", PAPER,
        page="settings/vault.py",
    ),
    Setting(
        "outage-readiness", "Cards in an outage", "plan", "credit_card_off",
        "How cards are taken when the processor or the network is down. It stands on the outage card.", PAPER,
        only="outage",
        fields={
            "slips": Field("Card slips", help="Total, last four digits and authorization code; settled afterwards."),
            "terminal": Field("A terminal that works by itself", help="With a line of its own."),
            "links": Field("Payment requests afterwards", help="Mailed to clients once you are back."),
            "imprinter": Field("An imprinter"), "second": Field("A second processor or a phone app"),
            "none": Field("Cash and checks alone", help="Nobody pays by card then."),
            "where": Field("Where it lies", help="Such as: terminal and slips in the second drawer of the desk."),
        },
    ),
    Setting(
        "status-page", "Status page", "status page", "monitor_heart",
        "Where people look when this app does not answer, and the secret its watcher needs.", CLINIC, only="status",
        page="settings/status_page.py",
    ),
    Setting(
        "species", "Species and breeds", "species", "pets",
        "The species you see and the breeds offered for each.", DAY,
        fields={
            "label": Field("Name"), "breeds": Field("Breeds", help="One on each line."),
            "icon": Field("Symbol", help="One character, shown beside the patient's name."),
        },
    ),
    Setting(
        "drug", "Drugs and strengths", "drug", "medication",
        "What the drug log offers: strength, unit, schedule, stage, and whether a witness signs.", DAY, label="name",
        fields={
            "name": Field("Name"), "strength": Field("Strength", help="As on the label: 10 mg/mL."),
            "schedule": Field("Schedule", words={"": "Not controlled"}), "route": Field("Usual route"),
            "stage": Field("Usual stage", widget="stage"), "needs_witness": Field("A witness signs"),
            "active": _ACTIVE,
        },
    ),
    Setting(
        "custom-field", "Custom fields", "field", "dynamic_form",
        "Questions of your own on clients, patients and appointments.", DAY,
        fields={
            "entity": Field("Asked on", words={"client": "Client", "patient": "Patient", "appointment": "Appointment"}),
            "label": Field("Question"), "kind": Field("Answer", words={
                "text": "Text", "number": "Number", "date": "Date", "choice": "One of a list", "check": "Yes or no"}),
            "choices": Field("The list", help="One answer on each line.", when=("kind", "choice")),
            "help": Field("Hint", help="Shown at the question mark beside the field."),
            "order": Field("Place", help="Fields with a smaller number come first."),
            "required": Field("An answer is needed"),
            "when_new": Field("Ask when the record is added", help="Otherwise it is asked when somebody edits."),
            "on_roster": Field("Show on the roster", help="Beside the notes, on the screen and on paper."),
            "find_by": Field("Find clients by it", help="The search looks at these answers too."),
            "reveals_health": Field("Says something about health", help="Then it is left out of mail."),
            "active": Field("In use", help="Switched off, it is no longer asked. Answers stay, in reports too."),
        },
        group_by="entity",
    ),
    Setting(
        "service", "Price list", "service", "sell",
        "Services with their prices by species and weight, tax and reminder.", MONEY, label="name",
        page="settings/price_list.py",
        fields={
            "name": Field("Name"), "price_cents": Field("Price"),
            "prices": Field("Prices by species and weight", help="The first row that fits wins; else the price above."),
            "tax_code": Field("Tax", widget="choice", choices="tax:slug", words={"": "No tax"}),
            "procedure": Field("Procedure", help="What a surgery of this service is called: spay, neuter."),
            "reminder_days": Field("Remind after days"), "active": _ACTIVE,
            "species": Field("Species", choices="species:slug", words={"": "Any"}),
            "from_grams": Field("From"), "to_grams": Field("Up to", help="0 means: and heavier."),
        },
    ),
    Setting(
        "package", "Packages", "package", "inventory",
        "Several services at one price. Each keeps its part of it, for tax and reports.", MONEY,
        fields={
            "label": Field("Name"), "price_cents": Field("Price of the package"),
            "items": Field("What it holds", help="Its price is spread over these as their own prices are."),
            "service": Field("Service", choices="service:slug"), "quantity": Field("How many"),
            "prices": Field("Prices by species and weight", help="The first row that fits wins; else the price above."),
            "species": Field("Species", widget="choice", choices="species:slug", words={"": "Any"},
                             help="Offered for these patients alone."),
            "from_grams": Field("From"), "to_grams": Field("Up to", help="0 means: and heavier."), "active": _ACTIVE,
        },
    ),
    Setting(
        "discount", "Discounts", "discount", "local_offer",
        "What may be taken off at checkout, by a percentage or an amount, and who may give it.", MONEY,
        fields={
            "label": Field("Name"), "rate_millionths": Field("Percent off", help="Of each service it is for."),
            "amount_cents": Field("Or an amount off", help="Spread over the services it is for."),
            "services": Field("For these services", choices="service:slug",
                              help="Leave services and categories empty for all."),
            "categories": Field("For these categories", choices="service:category", help="Of the price list."),
            "needs_permission": Field("Only for those who may give discounts",
                                      help="Switched off, everybody at the counter may give it."),
            "reason": Field("Reason on the receipt", help="Its name, where this is empty."), "active": _ACTIVE,
        },
    ),
    Setting(
        "tax", "Taxes", "tax", "percent", "The taxes your prices carry, and their rates.", MONEY,
        fields={"label": Field("Name"), "rate_millionths": Field("Rate, percent"),
                "included": Field("Prices include it", help="As GST and VAT usually are.")},
    ),
    Setting(
        "tax-rules", "Tax rounding", "tax rounding", "decimal_increase",
        "Whether tax is rounded on each line or on the invoice's total.", MONEY, only="rules",
        fields={"rounding": Field("Round tax", words={"line": "On each line", "invoice": "On the invoice's total"})},
    ),
    Setting(
        "processor", "Card processors", "processor", "credit_card",
        "Stripe, Authorize.net, Converge, MX Merchant or a terminal: fees, deposits, paying online.", MONEY,
        page="settings/processors.py",
        fields={
            "label": Field("Name", help="As people here call it."),
            "merchant_id": Field("Merchant id", help="The number of your account there."),
            "locations": Field("Used online at", choices="location:name",
                               help="Empty: at every location that has none of its own."),
            "cut_off": Field("Its day ends at", help="Such as 20:00: what is charged later counts on the next day. "
                             "Empty: at midnight."),
            "fees": Field("Fees are taken", words={"daily": "Out of each deposit", "monthly": "Once a month"}),
            "rate_millionths": Field("Agreed rate, percent"), "per_item_cents": Field("And for each sale"),
            "deposit_days": Field("Business days until the bank has it"),
            "bank_text": Field("Words in the bank's line", help="By which its deposits are told: BANKCARD MTOT DEP."),
            "brands_apart": Field("Brands paid out apart", help="One on each line: Amex."),
            "active": Field("In use", help="Switched off, it takes nothing; what it settled stays."),
            "takes_online": Field("Clients pay on its page"),
            "virtual_terminal_url": Field("Address of its virtual terminal",
                                          help="Where slips are keyed. Empty: the usual one."),
            "test": Field("Test account", help="Asks the processor's sandbox: no money moves."),
        },
    ),
    Setting(
        "client-billing", "Client billing", "client billing", "forward_to_inbox",
        "Invoices and payment requests by mail, and the pages where clients see and pay them.", MONEY, only="service",
        fields={
            "enabled": Field("Client billing is on", help="Off, nobody sends invoices and the portal lets nobody in."),
            "due_days": Field("Invoices are due after days"),
            "providers": Field("Who may create and send invoices", choices="people:username",
                               help="Besides everybody whose role may."),
            "address": Field("Address clients use", help="Such as https://records.clinic.org. Empty: as your browser "
                             "knows this installation."),
            "words": Field("Words below their invoices", help="Whom to call, and when."),
        },
    ),
    Setting(
        "fund", "Grants and vouchers", "grant or voucher", "volunteer_activism",
        "Who pays a part of the bill: what the client saves and what leaves the pot.", MONEY, label="name",
        fields={
            "name": Field("Name"), "kind": Field("Kind", words={
                "grant": "Grant", "voucher": "Voucher", "third_party": "Paid by a third party"}),
            "discount_cents": Field("Taken off the client's line"),
            "deduction_cents": Field("Taken out of the pot"), "active": _ACTIVE,
        },
    ),
    Setting(
        "consent-wording", "Consent questions", "question", "how_to_reg",
        "The words clients are asked with: news, reminders, naming patient and service.", MESSAGES, label="purpose",
        group_by="channel",
        fields={
            "purpose": Field("About", words={"marketing": "News and offers", "reminders": "Reminders",
                                             "phi": "Patient and service by name"}),
            "channel": Field("Channel", words={"any": "Every way", "email": "E-mail", "sms": "Text message",
                                               "letter": "Letter"}),
            "question": Field("Question", widget="long", help="A changed question counts for answers from then on."),
        },
    ),
    Setting(
        "mailbox", "Do not contact", "mailbox", "block",
        "Who unsubscribed, whose mail came back, and the mailbox that bounces come to.", MESSAGES, only="bounces",
        page="settings/do_not_contact.py",
    ),
    Setting(
        "form", "Forms", "form", "description",
        "What is on paper: consent, travel sheet and forms of your own, with every version.", PAPER, label="title",
        page="settings/forms.py",
    ),
)  # fmt: skip

BY_KIND = {setting.kind: setting for setting in SETTINGS}
STAGES = appointments.settings.LABELS
SERVICE = billing.settings.SERVICE
