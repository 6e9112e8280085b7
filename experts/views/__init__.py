"""Pages of experts, by concept: pool, profile, calls, admissions."""
