"""Endpoints of units and communities, by concept: register, changes, people, community."""
