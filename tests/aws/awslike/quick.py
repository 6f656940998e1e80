"""Two things that make moto slow where nothing here gains by it."""
# Licence: Apache-2.0 OR MIT, as the rest of the project.
import os

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix


def own_tags(self):
    """Looked up by the id; moto matches each tag of the account against it."""
    tags = self.ec2_backend.tags.get(self.id, {})
    return [{"resource_id": self.id, "key": key, "value": value, "resource_type": EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")}
            for key, value in list(tags.items())]


def install():
    TaggedEC2Resource.get_tags = own_tags
    # A thousand images for each account and Region, of which nothing here asks: 0.3 s, and 97 % of making an account.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
