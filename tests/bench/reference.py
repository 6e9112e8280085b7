"""The bare view everything is compared with: a signed-in session, one indexed query, 25 rows in a plain template.

And the same with 250 rows, for the table that shows a whole panel at once.
"""

import os

from django.contrib.auth.decorators import login_required
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.template import engines
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.reference_settings")

application = get_wsgi_application()
TEMPLATE = engines["django"].from_string(
    "<table>{% for row in rows %}<tr><td>{{ row.number }}</td><td>{{ row.target_level }}</td></tr>{% endfor %}</table>"
)


@login_required
def bare(request, rows=25):
    from evaluation.models import Project

    return HttpResponse(TEMPLATE.render({"rows": Project.objects.order_by("-pk")[:rows]}, request))


urlpatterns = [path("", bare), path("250/", bare, {"rows": 250}), path("sign-in/", bare, name="sign-in")]
