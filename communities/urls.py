"""Addresses of the pages of communities."""

urlpatterns: list = []
