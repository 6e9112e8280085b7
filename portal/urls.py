"""Every address of the portal. Apps keep their own; the shell puts them together."""

from django.contrib.auth import views as auth_views
from django.urls import include, path

from portal import views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", auth_views.LoginView.as_view(template_name="portal/sign_in.html"), name="sign-in"),
    path("sign-out/", auth_views.LogoutView.as_view(), name="sign-out"),
    path("work/", views.my_work, name="my-work"),
    path("notifications/", views.notifications, name="notifications"),
    path("care/", views.care, name="care"),
    path("language/", include("django.conf.urls.i18n")),
    path("act/<slug:machine>/<int:pk>/<slug:action>/", views.act, name="act"),
    path("health/", views.health, name="health"),
    path("api/", include("portal.api_urls")),
    path("", include("communities.urls")),
    path("", include("experts.urls")),
    path("", include("evaluation.urls")),
]

handler404 = "portal.views.not_found"
handler403 = "portal.views.forbidden"
