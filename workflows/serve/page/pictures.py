"""Pictures that were sent to search by: kept for a while, so that the search has an address."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict

from PIL import Image

from workflows.serve.pictures import plain_picture
from workflows.serve.refusals import RefusedError
from workflows.serve.served import Served

# As large as a model looks at; a hundred of them take some 10 MB.
_LONGEST_SIDE = 512
_MOST = 100


class KeptPictures:
    """The latest pictures, as WebP, by a name that their content gives them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, served: Served, content: bytes) -> str:
        """Keep a picture, decoded in a confined worker, and return its name.

        Raises:
            RefusedError: 422, it is not a picture, or too large a one.
        """
        plain = plain_picture(served.services, content)
        with Image.open(io.BytesIO(plain)) as picture, io.BytesIO() as file:
            picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
            picture.save(file, "WEBP", quality=90)
            small = file.getvalue()
        name = hashlib.sha256(small).hexdigest()[:32]
        with self._lock:
            self._kept[name] = small
            self._kept.move_to_end(name)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> bytes:
        """Return a picture.

        Raises:
            RefusedError: 404, it is not kept any more.
        """
        with self._lock:
            found = self._kept.get(name)
        if found is None:
            raise RefusedError(404, "that picture is not kept any more", "Send it again.")
        return found
