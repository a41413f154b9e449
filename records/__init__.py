"""Clients, patients, notes, documents, custom fields, import and export."""
