"""The outbox: mails on their way, delivered by the worker."""
