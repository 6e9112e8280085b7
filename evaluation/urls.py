"""Addresses of the pages of evaluation."""

urlpatterns: list = []
