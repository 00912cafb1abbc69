"""Renders a page in a process of its own, which takes the 100 MB that Folium needs away with it.

`python -m frontend PAGE OPTIONS`: the name of a function of `frontend.page`, its PageOptions as JSON; the made Page
comes out as JSON.
"""

import json
import sys

from frontend import page

name, options = sys.argv[1:]
made: page.Page = getattr(page, name)(page.PageOptions(**json.loads(options)))
json.dump(made._asdict(), sys.stdout)
