"""Endpoints of the evaluation, by concept: standards, cases, filing, panel, site, outcome."""
