"""Every address of the portal. Apps keep their own; the shell puts them together."""

from django.contrib.auth import views as auth_views
from django.urls import include, path

from portal import kept, views, views_account

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", kept.SignIn.as_view(), name="sign-in"),
    path("sign-in/kept/", kept.kept, name="kept"),
    path("sign-out/", auth_views.LogoutView.as_view(), name="sign-out"),
    path("work/", views.my_work, name="my-work"),
    path("notifications/", views_account.notifications, name="notifications"),
    path("notifications/read/", views_account.notification_read, name="notification-read"),
    path("notifications/<int:pk>/", views_account.notification_open, name="notification-open"),
    path("account/", views_account.account, name="account"),
    path("account/password/", views_account.PasswordChange.as_view(), name="password-change"),
    path("account/first-password/<str:who>/<str:token>/", views_account.first_password_link, name="first-password"),
    path("account/notifications/", views_account.notification_settings, name="notification-settings"),
    path("account/calendar/", views_account.calendar_link, name="calendar-link"),
    path("account/calendar/end/", views_account.calendar_link_end, name="calendar-link-end"),
    path("account/tokens/", views_account.access_tokens, name="access-tokens"),
    path("account/tokens/<int:pk>/revoke/", views_account.access_token_revoke, name="access-token-revoke"),
    path("calendar/<str:secret>.ics", views_account.calendar_feed_file, name="calendar-feed"),
    path("care/", views.care, name="care"),
    path("language/setlang/", views.language, name="set_language"),
    path("act/<slug:machine>/<int:pk>/<slug:action>/", views.act, name="act"),
    path("health/", views.health, name="health"),
    path("api/", include("portal.api_urls")),
    path("", include("communities.urls")),
    path("", include("experts.urls")),
    path("", include("evaluation.urls")),
]

handler404 = "portal.views.not_found"
handler403 = "portal.views.forbidden"
