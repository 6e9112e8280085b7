"""Addresses of the pages of communities."""

from django.urls import path

from communities import views

urlpatterns = [
    path("register/", views.register, name="register"),
    path("organisations/", views.organisations, name="organisations"),
    path("organisations/new/", views.organisation_new, name="organisation-new"),
    path("organisations/<int:pk>/", views.organisation, name="organisation"),
    path("organisations/<int:pk>/edit/", views.organisation_edit, name="organisation-edit"),
    path("organisations/<int:pk>/licences/", views.organisation_licence, name="organisation-licence"),
    path("organisations/<int:pk>/members/", views.member_new, name="member-new"),
    path("organisations/<int:pk>/communities/new/", views.community_new, name="community-new"),
    path("licences/<int:pk>/", views.licence_file, name="licence-file"),
    path("members/<int:pk>/end/", views.member_end, name="member-end"),
    path("communities/<int:pk>/", views.community, name="community"),
    path("communities/<int:pk>/edit/", views.community_edit, name="community-edit"),
]
