"""Services, tax, checkout, invoices, payments."""
