"""The clinic that takes cards by a processor played on loopback, for attacks too."""

from tests.billing.processors.conftest import stripe_till, till

__all__ = ["stripe_till", "till"]
