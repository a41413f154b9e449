"""Reports: a semantic layer over the mart (``entities/``), specs that ask it (``definitions/``), and running them."""
