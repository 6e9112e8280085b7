"""Addresses of the pages of communities."""

from django.urls import path

from communities.views import communities, members, organisations

urlpatterns = [
    path("register/", organisations.register, name="register"),
    path("organisations/", organisations.organisations, name="organisations"),
    path("organisations/new/", organisations.organisation_new, name="organisation-new"),
    path("organisations/<int:pk>/", organisations.organisation, name="organisation"),
    path("organisations/<int:pk>/edit/", organisations.organisation_edit, name="organisation-edit"),
    path("organisations/<int:pk>/licences/", organisations.organisation_licence, name="organisation-licence"),
    path("organisations/<int:pk>/contact/", organisations.organisation_contact, name="organisation-contact"),
    path("organisations/<int:pk>/changes/new/", organisations.organisation_change_new, name="organisation-change-new"),
    path("organisations/changes/<int:pk>/", organisations.organisation_change, name="organisation-change"),
    path("organisations/<int:pk>/invitations/", members.invitation_new, name="invitation-new"),
    path("organisations/invitations/<int:pk>/resend/", members.invitation_resend, name="invitation-resend"),
    path("organisations/invitations/<int:pk>/withdraw/", members.invitation_withdraw, name="invitation-withdraw"),
    path("invitations/<str:key>/", members.invitation, name="invitation"),
    path("organisations/<int:pk>/communities/new/", communities.community_new, name="community-new"),
    path("organisations/<int:pk>/communities/import/", communities.community_import, name="community-import"),
    path("communities/template/", communities.community_template, name="community-template"),
    path("licences/<int:pk>/", organisations.licence_file, name="licence-file"),
    path("members/<int:pk>/role/", members.member_role, name="member-role"),
    path("members/<int:pk>/end/", members.member_end, name="member-end"),
    path("communities/<int:pk>/", communities.community, name="community"),
    path("communities/<int:pk>/edit/", communities.community_edit, name="community-edit"),
]
