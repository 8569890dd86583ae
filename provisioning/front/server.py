"""Serve the front page from JupyterLab's server: ``GET …/msl/course``, for all users of that
server.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.ioloop import IOLoop

from labs.shell import msl
from provisioning.front.page import front_page
from provisioning.front.standing import stamp, standing

#: One thread: judging a full ledger takes a tenth of a second, in which kernels and other pages
#: must not wait.
_JUDGE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="msl-course")


class CourseHandler(APIHandler):
    """Answers with the page, and a stamp that changes when the page may."""

    @web.authenticated
    async def get(self) -> None:
        """Send JSON; ``?stamp=`` with the stamp of the last answer sends 204 while nothing has
        changed.
        """
        # With the minute, because a lease's remaining time changes even if the student does not
        # work.
        minute = int(time.time()) // 60
        now = "-".join(str(number) for number in (*stamp(), minute))
        if self.get_query_argument("stamp", "") == now:
            self.set_status(204)
            return
        try:
            page = await IOLoop.current().run_in_executor(_JUDGE, lambda: front_page(standing()))
        except Exception as error:
            # The log has the traceback; the page's reader gets a line to type.
            raise web.HTTPError(500, f"`{msl('doctor')}` says what is wrong.") from error
        self.finish(json.dumps({"stamp": now, "html": page}))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "provisioning.front.server"}]


def _load_jupyter_server_extension(server_app: object) -> None:
    """Add the page to a server; Jupyter calls this."""
    application = server_app.web_app  # type: ignore[attr-defined]
    address = url_path_join(application.settings["base_url"], "msl", "course")
    application.add_handlers(".*$", [(address, CourseHandler)])
