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
    path("organisations/<int:pk>/contact/", views.organisation_contact, name="organisation-contact"),
    path("organisations/<int:pk>/changes/new/", views.organisation_change_new, name="organisation-change-new"),
    path("organisations/changes/<int:pk>/", views.organisation_change, name="organisation-change"),
    path("organisations/<int:pk>/invitations/", views.invitation_new, name="invitation-new"),
    path("organisations/invitations/<int:pk>/resend/", views.invitation_resend, name="invitation-resend"),
    path("organisations/invitations/<int:pk>/withdraw/", views.invitation_withdraw, name="invitation-withdraw"),
    path("invitations/<str:key>/", views.invitation, name="invitation"),
    path("organisations/<int:pk>/communities/new/", views.community_new, name="community-new"),
    path("organisations/<int:pk>/communities/import/", views.community_import, name="community-import"),
    path("communities/template/", views.community_template, name="community-template"),
    path("licences/<int:pk>/", views.licence_file, name="licence-file"),
    path("members/<int:pk>/role/", views.member_role, name="member-role"),
    path("members/<int:pk>/end/", views.member_end, name="member-end"),
    path("communities/<int:pk>/", views.community, name="community"),
    path("communities/<int:pk>/edit/", views.community_edit, name="community-edit"),
]
