"""The invented city: people, units, experts, and cases at every state, made by the same functions that people call."""
