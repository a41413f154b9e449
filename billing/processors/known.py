"""From a processor's settings to the adapter that speaks its protocol."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from billing import ledger
from billing.processors.base import Processor, ProcessorUnready
from billing.processors.credentials import credentials_of, notice_token
from billing.processors.settings import ONLINE, PROCESSOR
from billing.processors.settings import Processor as Document
from billing.processors.wire import stand_in
from data import definitions
from data.session import ClinicSession


def settings_of(session: ClinicSession, slug: str) -> Document:
    """A processor's settings. Raises NotFound."""
    return definitions.load(session, PROCESSOR, slug)


def adapter_for(session: ClinicSession, slug: str) -> Processor:
    """What speaks to a processor; made inside a transaction, used outside of one. Raises NotFound, ProcessorUnready."""
    document = settings_of(session, slug)
    if document.type not in ONLINE:
        raise ProcessorUnready(label=document.label, problem="a stand-alone terminal has no connection to here.")
    secrets = credentials_of(session, slug, document.label, document.type)
    base = stand_in(document.type, is_test=document.test)
    zone = ZoneInfo(document.zone or ledger.clinic_row(session).zone)
    if document.type == "stripe":
        from billing.processors.stripe import Stripe

        return Stripe(document.label, secrets, base)
    if document.type == "authorize_net":
        from billing.processors.authorize_net import AuthorizeNet

        return AuthorizeNet(document.label, secrets, base, is_test=document.test)
    token = notice_token(session.clinic_id, slug)
    if document.type == "elavon":
        from billing.processors.converge import Converge

        return Converge(document.label, secrets, base, token, zone, is_test=document.test)
    from billing.processors.mx import Mx

    return Mx(document.label, secrets, base, token, document.merchant_id, is_test=document.test)
