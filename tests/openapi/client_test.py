"""One call of each kind with the generated client: a query, a body, a form, a problem."""

import os
import sys
from io import BytesIO

from eidetic_client import AuthenticatedClient, Client
from eidetic_client.api.images import get_image, get_thumbnail
from eidetic_client.api.search import search_get, search_post
from eidetic_client.api.server import get_status
from eidetic_client.models import ProblemDocument, SearchForm, SearchParams, SearchResponse
from eidetic_client.types import File

address, token, image = os.environ["ADDRESS"], os.environ["EIDETIC_TOKEN"], sys.argv[1]
client = AuthenticatedClient(base_url=address, token=token)

found = search_get.sync(client=client, text="red apple", k=2)
assert isinstance(found, SearchResponse) and len(found.hits) == 2, found
assert "apple" in found.hits[0].path, found.hits[0]

by_body = search_post.sync(client=client, body=SearchParams(text="red apple", k=1))
assert isinstance(by_body, SearchResponse) and by_body.hits[0].image == found.hits[0].image, by_body

jpeg = get_thumbnail.sync_detailed(id=image, client=client).content
by_form = search_post.sync(client=client, body=SearchForm(image=File(BytesIO(jpeg), file_name="a.jpg"), k=1))
assert isinstance(by_form, SearchResponse) and len(by_form.hits) == 1, by_form

assert get_image.sync(id=image, client=client).image == image
assert get_status.sync(client=client).images > 100
problem = search_get.sync(client=client)
assert isinstance(problem, ProblemDocument) and problem.status == 400, problem
stranger = get_status.sync(client=Client(base_url=address))
assert isinstance(stranger, ProblemDocument) and stranger.status == 401, stranger
