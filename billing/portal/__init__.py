"""What a clinic's clients may do for themselves: sign in by a code, see their invoices, pay."""
