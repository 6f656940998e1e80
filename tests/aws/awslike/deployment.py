"""What Terraform meets when it sets up a service: trails by their ARN, who may use a dead-letter queue, bucket policies, rules
that call functions.

A bucket's policy is kept and not weighed, as permissions are nowhere here; moto weighs a part of it, and denies by statements
whose principal or condition is another. Functions run when they are called: an event for
one is dropped, where moto fails for all targets.
"""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
from moto.cloudtrail.models import CloudTrailBackend
from moto.events.models import Rule
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.sqs.models import Queue


def named(call):
    """Moto's call by a trail's name, by its ARN too."""
    def by_either(self, name):
        arns = {trail.arn: key for key, trail in self.trails.items()}
        return call(self, arns.get(name, name))
    return by_either


def attributes(of):
    def with_allowed_sources(self):
        allowed = getattr(self, "redrive_allow_policy", None)
        return of(self) | ({"RedriveAllowPolicy": allowed} if allowed else {})
    return property(with_allowed_sources)


def send_to_targets(call):
    def to_those_that_listen(self, event, transform_input=True):
        # A rule of a schedule alone matches no event; moto takes its missing pattern for one that matches all.
        if not self.event_pattern.get_pattern():
            return
        everybody = self.targets
        self.targets = [target for target in everybody if ":lambda:" not in target["Arn"]]
        try:
            call(self, event, transform_input)
        finally:
            self.targets = everybody
    return to_those_that_listen


def install():
    for call in ("start_logging", "stop_logging", "delete_trail"):
        setattr(CloudTrailBackend, call, named(getattr(CloudTrailBackend, call)))
    Queue.attributes = attributes(Queue.attributes.fget)
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL
    Rule.send_to_targets = send_to_targets(Rule.send_to_targets)
