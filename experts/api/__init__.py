"""Endpoints of experts, by concept: pool, calls, admissions."""
