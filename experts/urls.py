"""Addresses of the pages of experts."""

urlpatterns: list = []
