"""Endpoints of what changes on a verified unit: how it is reached at once, who it is only after approval.

Hides: that what the request says is only checked for its shape here; ``communities.changes`` and the machine decide.
"""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import mixins, serializers

from communities import access
from communities.api.within import NUMBER, InDistrict
from communities.models import District, Organisation
from communities.workflow import ORGANISATION_CHANGE
from portal.api import Acts, DeadlineOrder, Endpoint, FileSerializer, LifeSerializer, NumberFilter, by_deadline


class OrganisationContactData(serializers.Serializer):
    """How a unit is reached; what is left out stays."""

    contact = serializers.CharField(max_length=60, required=False)
    phone = serializers.CharField(max_length=30, required=False, write_only=True)


class OrganisationChangeData(InDistrict, serializers.Serializer):
    """Identity facts that shall change, the undertaking, and the licence that shows them; what is left out stays."""

    credit_code = serializers.CharField(max_length=40, required=False)
    name = serializers.CharField(max_length=120, required=False)
    kind = serializers.ChoiceField(Organisation.Kind.choices, required=False)
    district = serializers.PrimaryKeyRelatedField(queryset=District.objects.all(), required=False)
    address = serializers.CharField(max_length=200, required=False)
    undertaking = serializers.BooleanField(default=False)
    licence = serializers.FileField()


class OrganisationChangeSerializer(LifeSerializer):
    """单位信息变更: identity facts before and after; while it waits, those before hold."""

    id = serializers.IntegerField()
    organisation = serializers.IntegerField(source="organisation_id")
    before = serializers.DictField()
    after = serializers.DictField()
    asked_at = serializers.DateTimeField()
    licences = FileSerializer(many=True)


class ChangeFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=list(ORGANISATION_CHANGE.states.items()))
    organisation = NumberFilter(field_name="organisation")
    ordering = DeadlineOrder(fields=["due_on", "asked_at"])


class ChangeEndpoint(Acts, mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """单位信息变更 of the units that the caller may see. Most urgent first."""

    scope = access.FILE
    machine = "organisation_change"
    serializer_class = OrganisationChangeSerializer
    filterset_class = ChangeFilter
    lookup_value_regex = NUMBER

    def get_queryset(self) -> Any:
        return by_deadline(super().get_queryset().prefetch_related("licences"))
